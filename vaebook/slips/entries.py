"""The slips, in the order of the code: noise, code, KL, pixels, model, backward pass, training, evaluation, data."""

from functools import partial

from vaebook.slips.build import Slip

KL = "kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)"

of_noise = partial(Slip, right="noise = torch.randn_like(mu)", alarm="noise")
of_sigma = partial(Slip, right="sigma = (0.5 * logvar).exp()", alarm="value")
of_kl = partial(Slip, right=KL, alarm="value")
of_total = partial(Slip, right="return (reconstruction + kl).mean()", alarm="parts")
by_hand = partial(Slip, source="by_hand", alarm="gradient")
of_bound = partial(
    Slip,
    right="bounds = log_weights.logsumexp(0) - math.log(draws)",
    alarm="none",
    spoils="-log p(x)",
)

NOISE = [
    of_noise(
        "rand",
        "Uniform noise: rand for randn",
        wrong="noise = torch.rand_like(mu)",
        why="The codes fill a box and never leave it: its noise spreads over 0.29 sigma where the KL counts on 1, "
        "and shifts the mean by half a sigma.",
        seen=(
            "Uniform distribution instead of Gaussian distribution",
            "toshikwa/slac.pytorch/issues/5",
        ),
    ),
    of_noise(
        "signs",
        "Noise of +1 and -1",
        wrong="noise = torch.randint_like(mu, 2) * 2 - 1",
        why="Mean 0 and variance 1 are right, the distribution is not. "
        "An image owns four points of the plane, and the decoder learns just these.",
    ),
    of_noise(
        "laplace",
        "Laplace noise of variance 1",
        wrong="u = 0.999999 * (torch.rand_like(mu) - 0.5)\n"
        "noise = -u.sign() * torch.log1p(-2 * u.abs()) / 2**0.5",
        why="Mean and variance are right here, too. More codes lie close to the mean, and a few lie far out.",
    ),
    of_noise(
        "one-draw-per-code",
        "One draw for all dimensions",
        wrong="noise = torch.randn_like(mu[:, :1])",
        why="The codes of an image lie on a line. Each coordinate of the noise is standard normal by itself, "
        "so a check of one coordinate passes. The right noise leaves the line.",
    ),
    of_noise(
        "one-draw-per-batch",
        "One draw for the whole batch",
        wrong="noise = torch.randn_like(mu[:1])",
        why="All images get the same noise. The expected gradient is right, only noisier.",
        seen=(
            "Reparametrize.lua, April 2014",
            "y0ast/VAE-Torch/blob/ccab59bab55e4fd5684affdc909e102e82ca8566/Reparametrize.lua",
        ),
    ),
    of_noise(
        "same-noise",
        "The same noise in every step",
        wrong="noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))",
        why="Row 7 of a batch gets the same noise in every step. "
        "But in each step another image stands there, so an image still meets many draws.",
        in_a_vae=False,
        seen=(
            "BUG: tf.random.normal() has a fixed value in eager mode (TF2.0)",
            "tensorflow/tensorflow/issues/36715",
        ),
    ),
    of_noise(
        "no-noise",
        "No noise: the mean is decoded",
        wrong="noise = 0",
        why="Without noise no precision is needed, so none is bought: sigma goes to 1. "
        "The decoder knows the means alone: with noise of that sigma, its codes scatter to where it never was.",
        seen=(
            "Fix bug in reparameterize() in VAE example",
            "pytorch/examples/pull/419",
        ),
    ),
]

CODE = [
    of_sigma(
        "variance-for-sigma",
        "Variance taken for sigma",
        wrong="sigma = logvar.exp()",
        why="Below 1, the variance is smaller than sigma: codes are more precise than the KL charges for.",
        seen=(
            "something wrong in normal reparametrization_gaussian",
            "rachtsingh/ibp_vae/issues/3",
        ),
    ),
    of_sigma(
        "logvar-for-sigma",
        "Log-variance taken for sigma",
        wrong="sigma = logvar",
        why="A log-variance of 0 now means no noise at all, and costs nothing. "
        "In the right formula it means a sigma of 1.",
    ),
    Slip(
        "detached",
        "The gradient stops at the sample",
        right="return mu + sigma * noise",
        wrong="return (mu + sigma * noise).detach()",
        alarm="gradient",
        why="The encoder hears from the KL alone. So it learns to say nothing: posterior collapse.",
        in_a_vae=False,
        seen=(
            "torch.normal accepts Variables but does not propagate gradients",
            "pytorch/pytorch/issues/4620",
        ),
    ),
    of_kl(
        "swapped",
        "Mean and log-variance swapped in the loss",
        wrong="kl = 0.5 * (logvar.square() + mu.exp() - 1 - mu).sum(-1)",
        why="The loss pulls the log-variance to 0 with a square and the mean with an exponential. "
        "Both still have their minimum at 0, but a mean of -10 costs 4.5 nats, and in the right KL 50.",
    ),
]

DIVERGENCE = [
    of_kl(
        "sigma-in-kl",
        "Sigma for its square in the KL",
        wrong="kl = 0.5 * (mu.square() + (0.5 * logvar).exp() - 1 - logvar).sum(-1)",
        why="For narrow codes the term hardly counts. Wide ones are too cheap: its minimum lies at a sigma of 2, "
        "and is negative there.",
    ),
    of_kl(
        "log-sigma-in-kl",
        "Log-variance taken for log sigma in the KL",
        wrong="kl = 0.5 * (mu.square() + (2 * logvar).exp() - 1 - 2 * logvar).sum(-1)",
        why="Each nat of precision is paid for twice.",
        in_a_vae=False,
        seen=(
            "Small error in the kl-divergence",
            "KarenUllrich/Tutorial_BayesianCompressionForDL/issues/1",
        ),
    ),
    of_total(
        "kl-sign",
        "The KL with the other sign",
        wrong="return (reconstruction - kl).mean()",
        why="Now a large KL is a reward, and there is no end to it.",
        seen=("Minimizing KL (not maximizing)", "EderSantana/gumbel/issues/3"),
    ),
    of_kl(
        "minus-one",
        "The KL without its -1",
        wrong="kl = 0.5 * (mu.square() + logvar.exp() - logvar).sum(-1)",
        alarm="constant",
        why="A constant has no gradient. The report is half a nat too high for each number of the code.",
        seen=("fix a bug about KL loss term", "ericjang/draw/pull/6"),
    ),
    of_kl(
        "half-in-kl",
        "The KL without its half",
        wrong="kl = (mu.square() + logvar.exp() - 1 - logvar).sum(-1)",
        alarm="parts",
        why="The KL counts twice: a beta-VAE that nobody asked for.",
    ),
    of_kl(
        "half-on-one-term",
        "The half of the KL on the logarithm alone",
        wrong="kl = (mu.square() + logvar.exp() - 0.5 * logvar - 0.5).sum(-1)",
        why="The half is lost before the square of the mean and before the variance, so both count twice. "
        "The logarithm is right. The minimum lies at a variance of one half.",
        seen=(
            "Removed an error where a 1/2 was forgotten",
            "SupaeroDataScience/deep-learning/pull/6",
        ),
    ),
    of_kl(
        "logvar-for-variance-in-kl",
        "Log-variance taken for the variance in the KL",
        wrong="kl = 0.5 * (mu.square() + logvar - 1 - logvar.clamp(min=1e-8).log()).sum(-1)",
        why="The clamp was put there to silence an error. Below 0, the log-variance is a reward without end.",
    ),
    of_kl(
        "relu-in-kl",
        "The KL of a log-variance behind a ReLU",
        wrong="logvar = logvar.relu()\n" + KL,
        why="Variances below 1 are free. The codes shrink to points.",
        seen=(
            "Remove relu to allow mu and log_var to go negative.",
            "shekkizh/TensorflowProjects/pull/1",
        ),
    ),
    of_kl(
        "kl-mean",
        "The KL averaged over the code",
        wrong="kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean(-1)",
        alarm="parts",
        why="With two numbers in the code, the KL counts half. With twenty, it counts a twentieth.",
        seen=("KL divergence term in loss function", "mkusner/grammarVAE/issues/2"),
    ),
    of_kl(
        "mu-in-kl",
        "mu for its square in the KL",
        wrong="kl = 0.5 * (mu + logvar.exp() - 1 - logvar).sum(-1)",
        why="A mean far below zero is a reward without end.",
    ),
    of_total(
        "no-kl",
        "No KL at all",
        wrong="return reconstruction.mean()",
        why="An auto-encoder. Its codes lie where the prior has hardly any mass.",
    ),
    of_total(
        "kl-sum-over-batch",
        "The KL summed over the batch, the rest averaged",
        wrong="return reconstruction.mean() + kl.sum()",
        why="The KL counts as many times as the batch has rows: posterior collapse.",
        seen=(
            "fix: mse_vae training broken due to incorrect averaging",
            "orybkin/sigma-vae-pytorch/pull/12",
        ),
    ),
    of_total(
        "kl-mean-over-batch",
        "The reconstruction summed over the batch, the KL averaged",
        wrong="return reconstruction.sum() + kl.mean()",
        why="The KL counts as many times too little as the batch has rows, which is still better than no KL at all.",
    ),
]

PIXELS = [
    Slip(
        "mean-over-pixels",
        "The reconstruction averaged over pixels",
        right="reconstruction = cross_entropy.sum(-1)",
        wrong="reconstruction = cross_entropy.mean(-1)",
        alarm="parts",
        why="The image counts 144 times too little. A nat spent on the code buys less than a nat back, "
        "so none is spent. The loss looks wonderful.",
        seen=(
            "Correcting the reconstruction loss in Variational Autoencoder example.",
            "keras-team/keras/pull/3383",
        ),
    ),
    Slip(
        "sigmoid-twice",
        "A sigmoid taken twice",
        right="return self.decoder(z)",
        wrong="return self.decoder(z).sigmoid()",
        alarm="outputs",
        why="Probabilities end at 0.5 and 0.73: no pixel can be surely black or white. "
        "What it has is near 144 log 2 = 99.8 nats, a coin for each pixel.",
        in_a_vae=False,
        seen=("Numerically Stable Decoders", "tgm-team/tgm/pull/274"),
    ),
    Slip(
        "tanh",
        "A tanh at the end of the decoder",
        right="return self.decoder(z)",
        wrong="return self.decoder(z).tanh()",
        alarm="outputs",
        why="Logits end at -1 and 1, so probabilities at 0.27 and 0.73. A habit from other generators.",
    ),
    Slip(
        "logits-as-probabilities",
        "Logits taken as probabilities",
        right='cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="none")',
        wrong="probabilities = logits.clamp(1e-7, 1 - 1e-7)\n"
        'cross_entropy = F.binary_cross_entropy(probabilities, x, reduction="none")',
        alarm="value",
        why="The clamp was put there to silence an error. Where it bites, no gradient passes.",
        in_a_vae=False,
        seen=(
            "The Theano backend should not clip output values by default for the binary_crossentropy function.",
            "keras-team/keras/issues/4744",
        ),
    ),
]

MODEL = [
    Slip(
        "flips-everything",
        "A mask that flips every pixel",
        right="flip = (draw < self.flips).float()",
        wrong="flip = draw.masked_fill(draw > self.flips, 0)\n"
        "flip = flip.masked_fill(flip < self.flips, 1)",
        alarm="none",
        options={"flips": 0.05},
        why="The zeros of the first line are below the threshold of the second, so all pixels are flipped. "
        "Nothing is lost, and training goes well. "
        "In evaluation nothing is flipped: the encoder has never seen such images.",
    ),
    Slip(
        "noise-in-evaluation",
        "The noise layer left on in evaluation",
        right="if self.training:\n    x = self.corrupt(x)",
        wrong="x = self.corrupt(x)",
        alarm="mode",
        spoils="the -ELBO",
        options={"flips": 0.05},
        why="The model is trained as it should be. But its encoder is judged on corrupted images, "
        "and its decoder on the clean ones.",
        in_a_vae=False,
        seen=(
            "Input and layer randomizations should be active only for learning function not for evaluation function",
            "lmjohns3/theanets/issues/65",
        ),
    ),
]

BACKWARD = [
    by_hand(
        "gradient-subtracted",
        "The KL's gradient subtracted",
        right="return grad * grad_mu, grad * grad_logvar",
        wrong="return -grad * grad_mu, -grad * grad_logvar",
        why="The value is right. The codes run away from the prior.",
        seen=("gradient of KL in CatVAE", "Kaixhin/Autoencoders/issues/9"),
    ),
    by_hand(
        "half-in-backward",
        "The half forgotten in the KL's backward pass",
        right="grad_logvar = 0.5 * (logvar.exp() - 1)",
        wrong="grad_logvar = logvar.exp() - 1",
        why="For the log-variance the KL's gradient is doubled, for the mean it is right.",
    ),
    by_hand(
        "minus-one-in-backward",
        "The -1 forgotten in the KL's backward pass",
        right="grad_logvar = 0.5 * (logvar.exp() - 1)",
        wrong="grad_logvar = 0.5 * logvar.exp()",
        why="Nothing in the KL makes a code wider any more. Codes shrink to points, and the KL grows.",
    ),
    by_hand(
        "half-in-sampler",
        "The half forgotten in the sampler's backward pass",
        right="shift = 0.5 * (0.5 * logvar).exp() * noise",
        wrong="shift = (0.5 * logvar).exp() * noise",
        why="The reconstruction pulls at sigma twice as hard as it should.",
        seen=(
            "Reparametrize.lua, its half added in a later commit",
            "y0ast/VAE-Torch/commit/b93ae6b3f568e352b219c8982db8717a69fd2269",
        ),
    ),
]

TRAINING = [
    Slip(
        "zero-grad",
        "No zero_grad: gradients add up",
        right="optimizer.zero_grad()\nvalue = loss(model, batch)",
        wrong="value = loss(model, batch)",
        alarm="none",
        why="Each step follows the sum of all gradients so far. The loss is right; it comes down badly.",
    ),
    Slip(
        "schedule-per-epoch",
        "A schedule that steps once an epoch",
        right="schedule.step()",
        wrong="if step % 100 == 99:\n    schedule.step()",
        alarm="none",
        why="Here an epoch is a hundred steps. Planned for each step, the schedule gets six of its 600: "
        "the rate hardly leaves its low start.",
        in_a_vae=False,
        seen=("fix a bug in OneCycleLR and CyclicLR", "espnet/espnet/pull/3319"),
    ),
    Slip(
        "no-schedule",
        "A schedule that never steps",
        right="optimizer.step()\nschedule.step()",
        wrong="optimizer.step()",
        alarm="none",
        why="The rate stays where the schedule starts: at a twenty-fifth of its peak.",
        in_a_vae=False,
        seen=("Scheduler step for multisolvers", "PINA-org/PINA/issues/518"),
    ),
]

EVALUATION = [
    of_bound(
        "one-draw",
        "One draw taken as log p(x)",
        wrong="bounds = log_weights[0]",
        why="One draw of the ELBO is a noisy number, and its mean is a bound, not log p(x).",
    ),
    of_bound(
        "importance-outside",
        "N losses averaged and called importance-weighted",
        wrong="bounds = log_weights.mean(0)",
        why="The mean belongs inside the logarithm. Outside, it is the ELBO once more, however many draws there are.",
        seen=("Question about implementation", "arahuja/generative-tf/issues/1"),
    ),
]

DATA = [
    Slip(
        "grey-levels",
        "Grey levels under a Bernoulli likelihood",
        right="x = (grey > 0.5).float()",
        wrong="x = grey",
        alarm="data",
        source="digits",
        why="The formula takes a grey level without complaint, but gives no log-probability: "
        "a perfect model pays, too. "
        "What it has is for images in black and white, sharper than any it was trained on.",
        seen=(
            "Added continuous Bernoulli log normalizing constant to VAE",
            "pytorch/examples/pull/683",
        ),
    ),
    Slip(
        "test-is-train",
        "The test set is the training set",
        right="x_train, x_test = x[order[:1400]], x[order[1400:]]",
        wrong="x_train = x_test = x[order[:1400]]",
        alarm="none",
        source="digits",
        spoils="the -ELBO",
        why="The report is about images that the model has seen.",
        seen=(
            "It seems that the model is tested on training dataset for MINIST dataset.",
            "facebookresearch/improved_vrnn/issues/1",
        ),
    ),
]

GROUPS = {
    "noise": NOISE,
    "code": CODE,
    "KL": DIVERGENCE,
    "pixels": PIXELS,
    "model": MODEL,
    "backward": BACKWARD,
    "training": TRAINING,
    "evaluation": EVALUATION,
    "data": DATA,
}
SLIPS = [slip for group in GROUPS.values() for slip in group]
