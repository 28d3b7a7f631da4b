//! Messages over a TCP connection, never waiting.
//!
//! A message is its length (u32, little-endian) and as many bytes of JSON: few travel, and a person can read them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use super::message::{MAGIC, Message};

/// No message is longer; the table of addresses of 4,096 ranks is a quarter of it.
const LONGEST: usize = 1 << 20;
/// Bytes read at a time.
const BLOCK: usize = 4096;

/// One end of a control connection.
#[derive(Debug)]
pub struct Channel {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// Bytes of `MAGIC` still to come.
    magic: usize,
    /// When bytes last came.
    heard: Instant,
    /// Why it ended, once it has.
    closed: Option<String>,
}

impl Channel {
    /// The end that called: it speaks the first word.
    pub fn calling(stream: TcpStream) -> io::Result<Self> {
        let mut channel = Self::called(stream)?;
        channel.magic = 0;
        channel.outbox.extend(MAGIC);
        Ok(channel)
    }

    /// The end that was called, by whomever.
    pub fn called(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let (inbox, outbox) = (Vec::new(), Vec::new());
        Ok(Self { stream, inbox, outbox, magic: MAGIC.len(), heard: Instant::now(), closed: None })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The connection itself, if no byte of it was read too far.
    pub fn into_stream(self) -> Option<TcpStream> {
        (self.inbox.is_empty() && self.outbox.is_empty() && self.closed.is_none()).then_some(self.stream)
    }

    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Takes the other end's silence as heard.
    pub fn excuse(&mut self) {
        self.heard = Instant::now();
    }

    /// Why the connection ended, once it has.
    pub fn closed(&self) -> Option<&str> {
        self.closed.as_deref()
    }

    /// Whether earlier messages still wait for the network.
    pub fn is_congested(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Sends a message, or as much of it as goes now; the rest goes with the next call of `flush`.
    pub fn send(&mut self, message: &Message) {
        // Plain enums of numbers and strings: there is nothing in them that JSON could not say.
        let Ok(body) = serde_json::to_vec(message) else { return };
        self.outbox.extend((body.len() as u32).to_le_bytes());
        self.outbox.extend(body);
        self.flush();
    }

    pub fn flush(&mut self) {
        while !self.outbox.is_empty() && self.closed.is_none() {
            match self.stream.write(&self.outbox) {
                Ok(sent) => drop(self.outbox.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Not for an error either: what the other end said before it broke may still be unread.
                Err(_) => return,
            }
        }
    }

    /// Says that nothing more will come from us.
    pub fn finish(&mut self) {
        self.flush();
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// What has come since the last call.
    pub fn receive(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while self.closed.is_none() {
            let more = self.read(BLOCK);
            while let Some(message) = self.next() {
                messages.push(message);
            }
            if !more {
                break;
            }
        }
        messages
    }

    /// At most one message, and no byte behind it is taken: what follows may be data.
    pub fn receive_first(&mut self) -> Option<Message> {
        while self.closed.is_none() {
            if !self.read(self.wanted()) {
                return None;
            }
            if let Some(message) = self.next() {
                return Some(message);
            }
        }
        None
    }

    /// How many bytes are missing to the next boundary.
    fn wanted(&self) -> usize {
        if self.magic > 0 {
            return self.magic - self.inbox.len();
        }
        let length = self.inbox.first_chunk().map(|length| 4 + u32::from_le_bytes(*length) as usize);
        length.unwrap_or(4).saturating_sub(self.inbox.len()).max(1)
    }

    /// Reads once, at most so many bytes; false if there is nothing now, or never again.
    fn read(&mut self, most: usize) -> bool {
        let mut bytes = [0; BLOCK];
        match self.stream.read(&mut bytes[..most.min(BLOCK)]) {
            Ok(0) => self.close("it closed its connection"),
            Ok(read) => {
                self.inbox.extend(&bytes[..read]);
                self.heard = Instant::now();
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.close(&format!("its connection broke: {error}")),
        }
        false
    }

    fn close(&mut self, why: &str) {
        self.closed = Some(why.to_owned());
    }

    /// Takes a whole message from the inbox.
    fn next(&mut self) -> Option<Message> {
        if self.magic > 0 {
            let come = self.inbox.len().min(self.magic);
            if self.inbox[..come] != MAGIC[..come] {
                self.close(stranger(&self.inbox));
            }
            if come < self.magic || self.closed.is_some() {
                return None;
            }
            self.inbox.drain(..come);
            self.magic = 0;
        }
        let length = u32::from_le_bytes(*self.inbox.first_chunk()?) as usize;
        if length > LONGEST {
            self.close("it does not speak our language");
            return None;
        }
        let message = serde_json::from_slice(self.inbox.get(4..4 + length)?);
        self.inbox.drain(..4 + length);
        message.map_err(|_| self.close("it does not speak our language")).ok()
    }
}

/// What to call who does not start with our magic.
fn stranger(bytes: &[u8]) -> &'static str {
    let name = MAGIC.len() - 1;
    if bytes.len() > name && bytes[..name] == MAGIC[..name] {
        "it is of another version of Brazier"
    } else {
        "it is no rank of ours"
    }
}
