//! A named pipe that may not be there yet, and that may never have a writer.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use crate::DataError;

/// How often a wait looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);

/// Bytes that the kernel is asked to buffer, so that the writer rarely waits for us. The default is 64 KiB, the most
/// that a user without privileges gets is 1 MiB.
const KERNEL_BYTES: usize = 1 << 20;

/// Opens the pipe at `path` as soon as it is there. A file in its place is as good.
///
/// # Errors
/// After `patience`, or when `stopped` says that nobody waits any longer.
pub(super) fn open(path: &Path, patience: Duration, stopped: &dyn Fn() -> bool) -> Result<File, DataError> {
    let start = Instant::now();
    loop {
        // Without NONBLOCK the call would wait for a writer, and nothing could end that wait.
        match rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(descriptor) => {
                // Best effort; a plain file has no such size.
                let _ = rustix::pipe::fcntl_setpipe_size(&descriptor, KERNEL_BYTES);
                return Ok(File::from(descriptor));
            }
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(DataError::Io { path: path.to_owned(), source: error.into() }),
        }
        if stopped() {
            return Err(DataError::Stopped);
        }
        if start.elapsed() >= patience {
            return Err(DataError::PipeMissing { path: path.to_owned(), seconds: patience.as_secs() });
        }
        sleep(GLANCE.min(patience));
    }
}

/// Reads a pipe, waiting for its writer no longer than somebody wants it.
pub(crate) struct PipeReader<'a> {
    pub(super) file: &'a File,
    pub(super) stopped: &'a dyn Fn() -> bool,
}

impl Read for PipeReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if (self.stopped)() {
                return Err(io::Error::new(ErrorKind::ConnectionAborted, "stopped"));
            }
            let glance = Timespec { tv_sec: 0, tv_nsec: GLANCE.subsec_nanos().into() };
            let mut wait = [PollFd::new(self.file, PollFlags::IN)];
            // Without a writer so far there is neither data nor a hang-up, and a read would look like the end.
            match poll(&mut wait, Some(&glance)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            match self.file.read(buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                outcome => return outcome,
            }
        }
    }
}
