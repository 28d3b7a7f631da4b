//! Operations that pass bytes around the ring as they are.

use super::links::{Fault, Links};
use super::message::Call;

/// Both neighbours say which operation they begin, before anything else.
pub struct Greeting {
    call: Call,
    ours: [u8; Call::BYTES],
    sent: usize,
    theirs: [u8; Call::BYTES],
    received: usize,
}

impl Greeting {
    pub fn new(call: Call) -> Self {
        Self { call, ours: call.to_bytes(), sent: 0, theirs: [0; Call::BYTES], received: 0 }
    }

    pub fn is_sent(&self) -> bool {
        self.sent == Call::BYTES
    }

    pub fn is_received(&self) -> bool {
        self.received == Call::BYTES
    }

    /// Whether anything moved.
    pub fn send(&mut self, links: &mut Links) -> Result<bool, Fault> {
        let sent = links.send(&self.ours[self.sent..])?;
        self.sent += sent;
        Ok(sent > 0)
    }

    /// Whether anything moved. An error if the left neighbour does something else.
    pub fn receive(&mut self, links: &mut Links) -> Result<bool, Fault> {
        let received = links.receive(&mut self.theirs[self.received..])?;
        self.received += received;
        if received > 0 && self.is_received() {
            let theirs = Call::from_bytes(&self.theirs).ok_or(Fault::Garbled)?;
            if theirs != self.call {
                return Err(Fault::Differs(theirs));
            }
        }
        Ok(received > 0)
    }

    /// Until both are done.
    pub fn complete(mut self, links: &mut Links) -> Result<(), Fault> {
        while !(self.is_sent() && self.is_received()) {
            if !(self.send(links)? | self.receive(links)?) {
                links.wait(!self.is_sent(), !self.is_received());
            }
        }
        Ok(())
    }
}

/// Sends all of `out` to the right while all of `into` comes from the left.
pub fn exchange(links: &mut Links, out: &[u8], into: &mut [u8]) -> Result<(), Fault> {
    let (mut sent, mut received) = (0, 0);
    while sent < out.len() || received < into.len() {
        let gone = links.send(&out[sent..])?;
        let come = links.receive(&mut into[received..])?;
        sent += gone;
        received += come;
        if gone + come == 0 {
            links.wait(sent < out.len(), received < into.len());
        }
    }
    Ok(())
}

/// After `world - 1` exchanges with its neighbours each rank has heard of every other; the greeting was the first.
pub fn barrier(links: &mut Links) -> Result<(), Fault> {
    for _ in 2..links.world() {
        exchange(links, &[0], &mut [0])?;
    }
    Ok(())
}

/// Each rank hands on what has come while more is coming.
pub fn broadcast(links: &mut Links, root: usize, bytes: &mut Vec<u8>) -> Result<(), Fault> {
    let is_root = links.rank() == root;
    let is_last = (links.rank() + 1) % links.world() == root;
    let mut length = (bytes.len() as u64).to_le_bytes();
    if !is_root {
        exchange(links, &[], &mut length)?;
        resize(bytes, u64::from_le_bytes(length))?;
    }
    if !is_last {
        exchange(links, &length, &mut [])?;
    }
    let (mut here, mut gone) = if is_root { (bytes.len(), 0) } else { (0, 0) };
    if is_last {
        gone = bytes.len();
    }
    while here < bytes.len() || gone < bytes.len() {
        let received = links.receive(&mut bytes[here..])?;
        here += received;
        let sent = if is_last { 0 } else { links.send(&bytes[gone..here])? };
        gone += sent;
        if received + sent == 0 {
            links.wait(gone < here, here < bytes.len());
        }
    }
    Ok(())
}

/// First the lengths go around, then the bytes.
pub fn all_gather(links: &mut Links, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, Fault> {
    let (rank, world) = (links.rank(), links.world());
    // After `step` exchanges the newest block that we have is that of the rank so many to the left.
    let owner = |step: usize| (rank + world - step) % world;
    let mut lengths = vec![0u64; world];
    lengths[rank] = bytes.len() as u64;
    for step in 0..world - 1 {
        let mut length = [0; 8];
        exchange(links, &lengths[owner(step)].to_le_bytes(), &mut length)?;
        lengths[owner(step + 1)] = u64::from_le_bytes(length);
    }
    let mut blocks = vec![Vec::new(); world];
    blocks[rank] = bytes;
    for step in 0..world - 1 {
        let mut block = Vec::new();
        resize(&mut block, lengths[owner(step + 1)])?;
        exchange(links, &blocks[owner(step)], &mut block)?;
        blocks[owner(step + 1)] = block;
    }
    Ok(blocks)
}

/// As long as another rank says.
fn resize(bytes: &mut Vec<u8>, length: u64) -> Result<(), Fault> {
    let size = usize::try_from(length).map_err(|_| Fault::Memory(length))?;
    bytes.clear();
    bytes.try_reserve_exact(size).map_err(|_| Fault::Memory(length))?;
    bytes.resize(size, 0);
    Ok(())
}
