//! A listener before which strangers may stand.
//!
//! Whoever connects has `PATIENCE` to say one whole message of ours; a port scanner, a browser or a silent peer is
//! dropped and keeps nobody waiting.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::channel::Channel;
use super::message::Message;

/// For the first message of a connection, over a slow link.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that have not said who they are; the oldest is dropped for another.
const WAITING: usize = 256;

/// A listener, and who has connected without having said a word.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    guests: Vec<Guest>,
    patience: Duration,
}

#[derive(Debug)]
struct Guest {
    channel: Channel,
    address: SocketAddr,
    since: Instant,
}

impl Door {
    pub fn new(listener: TcpListener) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener, guests: Vec::new(), patience: PATIENCE })
    }

    /// Waits up to `limit` for the first messages of connections. Beside them: why others were sent away.
    pub fn wait(&mut self, limit: Duration) -> (Vec<(Channel, SocketAddr, Message)>, Vec<String>) {
        self.sleep(limit);
        while let Ok((stream, address)) = self.listener.accept() {
            if let Ok(channel) = Channel::called(stream) {
                self.guests.push(Guest { channel, address, since: Instant::now() });
            }
        }
        let surplus = self.guests.len().saturating_sub(WAITING);
        self.guests.drain(..surplus);
        let (mut known, mut dropped) = (Vec::new(), Vec::new());
        for mut guest in std::mem::take(&mut self.guests) {
            if let Some(message) = guest.channel.receive_first() {
                known.push((guest.channel, guest.address, message));
            } else if let Some(why) = guest.channel.closed() {
                dropped.push(format!("{}: {why}", guest.address.ip().to_canonical()));
            } else if guest.since.elapsed() < self.patience {
                self.guests.push(guest);
            }
        }
        (known, dropped)
    }

    /// Until someone comes or speaks.
    fn sleep(&self, limit: Duration) {
        let mut wanted = vec![PollFd::new(&self.listener, PollFlags::IN)];
        wanted.extend(self.guests.iter().map(|guest| PollFd::new(guest.channel.stream(), PollFlags::IN)));
        let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        // An interrupted wait is a short one.
        let _ = poll(&mut wanted, Some(&limit));
    }
}
