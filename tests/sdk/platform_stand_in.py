"""What the platform does and local mode does not: pipes, checkpoints taken to S3 file by file, interruptions."""
import os
import random
import threading
import time

# The platform's agents pass over files of this ending; AWS's own XGBoost container relies on it.
IGNORED = ".sagemaker-ignore"


def feed(folder, channel, content, passes):
    """A pipe for each pass over a channel, made when the one before is done, as `<channel>_<n>`."""
    def write():
        for number in range(passes):
            path = os.path.join(folder, "input", "data", f"{channel}_{number}")
            os.mkfifo(path)
            try:
                with open(path, "wb", buffering=0) as pipe:
                    view = memoryview(content)
                    while view:
                        # Pieces that no record ends with.
                        view = view[pipe.write(view[:60_001]):]
            except BrokenPipeError:
                # Closed early: the rest of this pass is dropped, the next one comes.
                pass
            os.unlink(path)
    threading.Thread(target=write, daemon=True).start()


class Mirror:
    """Takes a folder to `bucket` (name to bytes), each file after a delay of its own, so in any order.

    A file is read at the moment it is seen, half-written or not; in the bucket it is whole or not at all, as S3's
    objects are. What is still on its way when the instance is gone is lost.
    """

    def __init__(self, folder, bucket, seed):
        self.folder, self.bucket, self.random = folder, bucket, random.Random(seed)
        self.seen, self.lock, self.gone = {}, threading.Lock(), False
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.gone:
            now = {}
            for name in os.listdir(self.folder) if os.path.isdir(self.folder) else []:
                path = os.path.join(self.folder, name)
                try:
                    about = os.stat(path)
                    if not name.endswith(IGNORED):
                        now[name] = (about.st_size, about.st_mtime_ns)
                        if self.seen.get(name) != now[name]:
                            with open(path, "rb") as file:
                                self.later(name, file.read())
                except FileNotFoundError:
                    continue
            for name in self.seen.keys() - now.keys():
                self.later(name, None)
            self.seen = now
            time.sleep(0.01)

    def later(self, name, content):
        def publish():
            with self.lock:
                if self.gone:
                    return
                if content is None:
                    self.bucket.pop(name, None)
                else:
                    self.bucket[name] = content
        threading.Timer(self.random.uniform(0, 0.4), publish).start()

    def cut(self):
        """The instance is gone, with all that was on its way."""
        with self.lock:
            self.gone = True
        self.thread.join()


def restore(bucket, folder):
    """What a new instance finds before its container starts."""
    os.makedirs(folder, exist_ok=True)
    for name, content in bucket.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
