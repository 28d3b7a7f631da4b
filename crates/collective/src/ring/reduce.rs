//! The all-reduce: two rounds of chunks, each moving `world - 1` of `world` chunks.
//!
//! Every rank cuts its values into `world` chunks. At step `s` rank `r` sends chunk `r - s` and receives chunk
//! `r - s - 1`, both modulo `world`. In the first `world - 1` steps what comes is added to our own chunk, so that
//! after them each rank holds the whole sum of one; in the other `world - 1` steps the sums go around. What is received at a
//! step is what is sent at the next, and goes on as soon as a piece of it is ready, not when the chunk is.
//!
//! Each chunk is summed along one path and then copied, so all ranks end with the same bits, and do so every time.

use std::ops::Range;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

use super::links::{Fault, Links};
use super::message::Call;
use super::pass::Greeting;
use crate::Wire;

// Values go onto the wire as they lie in memory.
const _: () = assert!(cfg!(target_endian = "little"), "the ring is written for little-endian machines");

/// Values that are added, or converted, at a time: with their sums they stay in a core's second-level cache.
const PIECE: usize = 1 << 16;
/// Bytes moved in one direction before it is the other's turn.
const TURN: usize = 1 << 20;

/// Room for pieces, kept from one all-reduce to the next.
#[derive(Debug, Default)]
pub struct Buffers {
    come: Vec<f32>,
    come_half: Vec<u16>,
    go_half: Vec<u16>,
}

impl Buffers {
    fn prepare(&mut self, wire: Wire) {
        match wire {
            Wire::Float32 => self.come.resize(PIECE, 0.0),
            Wire::Float16 => {
                self.come.resize(PIECE, 0.0);
                self.come_half.resize(PIECE, 0);
                self.go_half.resize(PIECE, 0);
            }
        }
    }
}

/// Replaces `values` by their sum over all ranks.
pub fn all_reduce(
    links: &mut Links,
    call: Call,
    (values, wire): (&mut [f32], Wire),
    buffers: &mut Buffers,
) -> Result<(), Fault> {
    buffers.prepare(wire);
    let mut greeting = Greeting::new(call);
    let (rank, world) = (links.rank(), links.world());
    let (out, come) = (Out::default(), Come::default());
    let mut reduction = Reduction { values, wire, rank, world, out, come, buffers };
    loop {
        let mut moved = greeting.send(links)? | greeting.receive(links)?;
        if greeting.is_sent() {
            moved |= reduction.send(links)?;
        }
        if greeting.is_received() {
            moved |= reduction.receive(links)?;
        }
        if greeting.is_sent() && greeting.is_received() && reduction.is_done() {
            return Ok(());
        }
        if !moved {
            let room = !greeting.is_sent() || reduction.has_more_to_send();
            links.wait(room, !greeting.is_received() || !reduction.has_all());
        }
    }
}

struct Reduction<'a> {
    values: &'a mut [f32],
    wire: Wire,
    rank: usize,
    world: usize,
    out: Out,
    come: Come,
    buffers: &'a mut Buffers,
}

/// What has gone to the right.
#[derive(Default)]
struct Out {
    step: usize,
    /// Of this step's chunk.
    bytes: usize,
    /// The values of this step's chunk that lie converted in a buffer.
    converted: Range<usize>,
}

/// What has come from the left.
#[derive(Default)]
struct Come {
    step: usize,
    /// Of this step's chunk.
    bytes: usize,
    /// Values of this step's chunk that are in their place.
    ready: usize,
}

impl Reduction<'_> {
    fn steps(&self) -> usize {
        2 * (self.world - 1)
    }

    /// The chunk that is sent at a step, and was received at the one before.
    fn chunk(&self, step: usize) -> Range<usize> {
        let index = (self.rank + 2 * self.world - step) % self.world;
        let bound = |index: usize| (self.values.len() as u128 * index as u128 / self.world as u128) as usize;
        bound(index)..bound(index + 1)
    }

    fn has_all(&self) -> bool {
        self.come.step == self.steps()
    }

    fn is_done(&self) -> bool {
        self.has_all() && self.out.step == self.steps()
    }

    /// How many values of the chunk that is being sent have come.
    fn ready_to_send(&self) -> usize {
        match self.out.step {
            step if step == self.steps() => 0,
            step if step == 0 || self.come.step >= step => self.chunk(step).len(),
            step if self.come.step + 1 == step => self.come.ready,
            _ => 0,
        }
    }

    fn has_more_to_send(&self) -> bool {
        self.ready_to_send() * self.wire.width() > self.out.bytes
    }

    /// Sends what is ready and goes now; whether anything did.
    fn send(&mut self, links: &mut Links) -> Result<bool, Fault> {
        while self.out.step < self.steps() && self.chunk(self.out.step).is_empty() {
            self.out.step += 1;
        }
        if !self.has_more_to_send() {
            return Ok(false);
        }
        let (chunk, ready) = (self.chunk(self.out.step), self.ready_to_send());
        let bytes = match self.wire {
            Wire::Float32 => &bytemuck::cast_slice(&self.values[chunk.clone()])[self.out.bytes..ready * 4],
            Wire::Float16 => self.converted(chunk.clone(), ready),
        };
        let sent = links.send(&bytes[..bytes.len().min(TURN)])?;
        self.out.bytes += sent;
        if self.out.bytes == chunk.len() * self.wire.width() {
            self.out = Out { step: self.out.step + 1, ..Out::default() };
        }
        Ok(sent > 0)
    }

    /// The next bytes in float16.
    fn converted(&mut self, chunk: Range<usize>, ready: usize) -> &[u8] {
        let Range { start, end } = self.out.converted;
        if self.out.bytes == end * 2 {
            self.out.converted = end..ready.min(end + PIECE);
            self.convert(chunk.start);
            return bytemuck::cast_slice(&self.buffers.go_half[..self.out.converted.len()]);
        }
        &bytemuck::cast_slice(&self.buffers.go_half[..end - start])[self.out.bytes - start * 2..]
    }

    fn convert(&mut self, chunk_start: usize) {
        let Range { start, end } = self.out.converted;
        let values = &mut self.values[chunk_start + start..chunk_start + end];
        let halves: &mut [half::f16] = self.buffers.go_half[..end - start].reinterpret_cast_mut();
        halves.convert_from_f32_slice(values);
        if self.out.step == self.world - 1 {
            // The sum is ours and exact so far: round it as the others will get it.
            halves.convert_to_f32_slice(values);
        }
    }

    /// Takes what has come; whether anything had.
    fn receive(&mut self, links: &mut Links) -> Result<bool, Fault> {
        while !self.has_all() && self.chunk(self.come.step + 1).is_empty() {
            self.come.step += 1;
        }
        if self.has_all() {
            return Ok(false);
        }
        let chunk = self.chunk(self.come.step + 1);
        let received = if self.come.step >= self.world - 1 && self.wire == Wire::Float32 {
            self.receive_in_place(links, chunk.clone())?
        } else {
            self.receive_piece(links, chunk.clone())?
        };
        if self.come.ready == chunk.len() {
            self.come = Come { step: self.come.step + 1, ..Come::default() };
        }
        Ok(received > 0)
    }

    fn receive_in_place(&mut self, links: &mut Links, chunk: Range<usize>) -> Result<usize, Fault> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.values[chunk]);
        let end = bytes.len().min(self.come.bytes + TURN);
        let received = links.receive(&mut bytes[self.come.bytes..end])?;
        self.come.bytes += received;
        self.come.ready = self.come.bytes / 4;
        Ok(received)
    }

    /// A piece comes into a buffer and is put to use once it is whole.
    fn receive_piece(&mut self, links: &mut Links, chunk: Range<usize>) -> Result<usize, Fault> {
        let width = self.wire.width();
        let piece = self.come.ready..chunk.len().min(self.come.ready + PIECE);
        let into: &mut [u8] = match self.wire {
            Wire::Float32 => bytemuck::cast_slice_mut(&mut self.buffers.come[..piece.len()]),
            Wire::Float16 => bytemuck::cast_slice_mut(&mut self.buffers.come_half[..piece.len()]),
        };
        let received = links.receive(&mut into[self.come.bytes - piece.start * width..])?;
        self.come.bytes += received;
        if self.come.bytes == piece.end * width {
            self.use_piece(chunk.start + piece.start..chunk.start + piece.end);
            self.come.ready = piece.end;
        }
        Ok(received)
    }

    fn use_piece(&mut self, place: Range<usize>) {
        let values = &mut self.values[place.clone()];
        let halves: &[half::f16] = match self.wire {
            Wire::Float32 => &[],
            Wire::Float16 => self.buffers.come_half[..place.len()].reinterpret_cast(),
        };
        if self.come.step >= self.world - 1 {
            // In float32 it would have come into its place.
            return halves.convert_to_f32_slice(values);
        }
        let come = &mut self.buffers.come[..place.len()];
        if self.wire == Wire::Float16 {
            halves.convert_to_f32_slice(come);
        }
        values.iter_mut().zip(come).for_each(|(sum, value)| *sum += *value);
    }
}
