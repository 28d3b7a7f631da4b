//! The data connections: from the left neighbour and to the right one, never waiting in the middle of a call.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::control::Control;
use super::message::Call;

/// Bytes on their way to a rank of the same host: as many as caches hold between the copy in and the copy out. Measured
/// over loopback, this halves the time of 100 MB. To other hosts the system chooses: there, what is on its way must
/// cover the delay.
const NEAR: usize = 512 << 10;

/// Why an operation could not be done.
#[derive(Debug)]
pub enum Fault {
    /// The connection with this rank broke.
    Link { rank: usize, why: String },
    /// The left neighbour began something else.
    Differs(Call),
    /// The left neighbour sent what is no operation.
    Garbled,
    /// No room for what others sent.
    Memory(u64),
}

/// Our two neighbours.
#[derive(Debug)]
pub struct Links {
    control: Arc<Control>,
    left: TcpStream,
    right: TcpStream,
    sent: u64,
}

impl Links {
    pub fn new(control: Arc<Control>, left: TcpStream, right: TcpStream) -> io::Result<Self> {
        for stream in [&left, &right] {
            // Without this the last small piece of a message may wait for an acknowledgement of the one before.
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        if right.local_addr()?.ip() == right.peer_addr()?.ip() {
            SockRef::from(&right).set_send_buffer_size(NEAR)?;
        }
        control.guard(vec![left.try_clone()?, right.try_clone()?]);
        Ok(Self { control, left, right, sent: 0 })
    }

    /// Bytes sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    pub fn rank(&self) -> usize {
        self.control.rank
    }

    pub fn world(&self) -> usize {
        self.control.world()
    }

    fn left_rank(&self) -> usize {
        (self.rank() + self.world() - 1) % self.world()
    }

    fn right_rank(&self) -> usize {
        (self.rank() + 1) % self.world()
    }

    /// Sends as many of these bytes as go now.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match self.right.write(bytes) {
            Ok(sent) => {
                self.sent += sent as u64;
                self.control.progress.sent(sent);
                Ok(sent)
            }
            Err(error) if waits(&error) => Ok(0),
            Err(error) => Err(Fault::Link { rank: self.right_rank(), why: error.to_string() }),
        }
    }

    /// Takes as many bytes as have come and fit.
    pub fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        if into.is_empty() {
            return Ok(0);
        }
        let rank = self.left_rank();
        match self.left.read(into) {
            Ok(0) => Err(Fault::Link { rank, why: "it was closed".to_owned() }),
            Ok(received) => {
                self.control.progress.received(received);
                Ok(received)
            }
            Err(error) if waits(&error) => Ok(0),
            Err(error) => Err(Fault::Link { rank, why: error.to_string() }),
        }
    }

    /// Waits until there is room to the right or something from the left, whichever is asked for.
    pub fn wait(&self, room: bool, food: bool) {
        self.control.progress.hungry(food);
        let mut both = [PollFd::new(&self.right, PollFlags::OUT), PollFd::new(&self.left, PollFlags::IN)];
        let wanted = &mut both[usize::from(!room)..1 + usize::from(food)];
        // A verdict shuts both connections, which ends the wait; the limit is for what cannot happen.
        let _ = poll(wanted, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
        self.control.progress.hungry(false);
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
