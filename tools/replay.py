"""A kernel for nbval that executes nothing: it answers with what an execution that is kept has shown."""

from queue import Empty, SimpleQueue

from tools.execute import code_cells
from tools.wheel import without_package


class Replayed:
    """What nbval asks of a running kernel. The record is an executed notebook; its cells are asked for in order."""

    def __init__(self, record):
        self.cells, self.messages = iter(code_cells(record)), SimpleQueue()

    def execute_cell_input(self, source, allow_stdin=None):
        """Lay out the messages of the next cell with this source. Returns the id by which they name their request."""
        wanted = without_package(source)  # which may have changed where no output depends on it: scripts
        cell = next((cell for cell in self.cells if without_package(cell.source) == wanted), None)
        if cell is None:
            raise ValueError(f"the kept execution has no such cell, or has it earlier:\n{source}")
        self.say(cell.id, "status", execution_state="busy")
        self.say(cell.id, "execute_input", code=source)
        for output in cell.outputs:
            self.say(cell.id, **output)
        self.say(cell.id, "status", execution_state="idle")
        return cell.id

    def say(self, request, output_type, **content):
        self.messages.put({"msg_type": output_type, "parent_header": {"msg_id": request}, "content": content})

    def get_message(self, stream, timeout=None):
        return self.messages.get_nowait()

    def await_idle(self, request, timeout):
        while self.get_message("iopub")["content"].get("execution_state") != "idle":
            pass

    def await_reply(self, request, timeout=None):
        if self.messages.empty():
            raise Empty

    def is_alive(self):
        return True

    def stop(self):
        pass
