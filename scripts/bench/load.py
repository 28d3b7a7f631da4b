"""Requests over HTTP, for scripts/bench/endpoint: a client, closed and open loops."""
import itertools
import socket
import statistics
import threading
import time

PATIENCE = 90.0


class Client:
    """One kept-alive connection. `ask` gives status, headers in lower case, and body."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        self.socket.sendall(request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self.more()
        head = answer[:end].decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0]) if "content-length:" in head else 0
        while len(answer) < end + 4 + length:
            answer += self.more()
        return status, head, answer[end + 4:]

    def more(self):
        part = self.socket.recv(1 << 16)
        if not part:
            raise ConnectionResetError("closed before the answer was whole")
        return part

    def close(self):
        self.socket.close()


def post(body):
    return (b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-image\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body


def closed(port, bodies, connections, seconds):
    """Each connection asks again as soon as it is answered: milliseconds of each answer, errors, answers per second."""
    requests, times, errors = [post(body) for body in bodies], [], []
    end = time.perf_counter() + seconds

    def loop(number):
        client = Client(port)
        while (begun := time.perf_counter()) < end:
            status, _, _ = client.ask(requests[number % len(requests)])
            took = time.perf_counter() - begun
            (times if status == 200 else errors).append(took * 1e3)
            number += 1
        client.close()

    begun = time.perf_counter()
    together([threading.Thread(target=loop, args=(number,)) for number in range(connections)])
    return {"times": times, "errors": len(errors), "rate": len(times) / (time.perf_counter() - begun)}


class Opened:
    """`rate` requests per second whatever the answers take, over so many connections at most."""

    def __init__(self, port, bodies, rate, seconds, connections):
        self.requests = [post(body) for body in bodies]
        self.port, self.interval, self.count = port, 1 / rate, int(rate * seconds)
        self.numbers, self.lock = itertools.count(), threading.Lock()
        self.statuses, self.times, self.failures, self.sent = {}, [], [], 0
        self.threads = [threading.Thread(target=self.loop) for _ in range(connections)]

    def run(self):
        self.begun = time.perf_counter()
        together(self.threads)
        self.took = time.perf_counter() - self.begun

    def loop(self):
        client = Client(self.port)
        while (number := next(self.numbers)) < self.count:
            time.sleep(max(0, self.begun + number * self.interval - time.perf_counter()))
            begun = time.perf_counter()
            with self.lock:
                self.sent += 1
            try:
                status, _, _ = client.ask(self.requests[number % len(self.requests)])
            except OSError as error:
                with self.lock:
                    self.failures.append(str(error))
                client = Client(self.port)
                continue
            with self.lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.times.append((time.perf_counter() - begun) * 1e3)
        client.close()


def together(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share / 100))]


def median(values):
    return statistics.median(values)
