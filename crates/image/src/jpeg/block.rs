//! One block's entropy-coded coefficients, T.81 F.2.2.

use super::JpegFault;
use super::bits::{Bits, REFILLED};
use super::header::ZIGZAG;
use super::huffman::{END, PAIR_BITS, Table};

/// Coefficients by row x 8 + column; what lies beyond the first 64 is written to and never read.
pub(super) type Coefficients = [i16; 256];

/// Where a coefficient goes, by its place in the block. Places from 64 on arise from an end of block or damage.
const PLACES: [u8; 256] = {
    let mut places = [64; 256];
    let mut index = 0;
    while index < 64 {
        places[index] = ZIGZAG[index];
        index += 1;
    }
    places
};

/// Whether the last place is one a sound block ends with: 63, or an end of block behind a place up to 62. A block that
/// runs over lies in 64..=79, invalid bits in 192..=255.
#[inline(always)]
fn check(place: u32) -> Result<(), JpegFault> {
    if place & 64 == 0 { Ok(()) } else { Err(JpegFault::Code) }
}

/// Reads a block into `coefficients`, all zero before, and returns whether it has none but the first.
///
/// `previous` is the component's last DC coefficient.
#[inline(always)]
pub(super) fn read(
    cursor: &mut Bits,
    dc: &Table,
    ac: &Table,
    previous: &mut i32,
    coefficients: &mut Coefficients,
) -> Result<bool, JpegFault> {
    // A copy, so that it stays in registers.
    let mut bits = *cursor;
    bits.refill();
    difference(&mut bits, dc, previous)?;
    coefficients[0] = *previous as i16;
    let mut place = 0;
    while place < 63 {
        bits.refill();
        for _ in 0..REFILLED / PAIR_BITS {
            let pair = ac.pair(bits.ahead());
            let end = place + pair.advance();
            // Also where the block is full behind the first symbol, and the second belongs to the next block.
            if !pair.is_known() || end & 64 != 0 {
                bits.refill();
                let step = ac.step(bits.ahead());
                place += step.advance();
                coefficients[usize::from(PLACES[place as usize & 255])] = step.value(bits.ahead()) as i16;
                bits.consume(step.bits());
                break;
            }
            let first = place + pair.to_first();
            coefficients[usize::from(PLACES[end as usize & 255])] = pair.second();
            coefficients[usize::from(PLACES[first as usize & 255])] = pair.first();
            bits.consume(pair.bits());
            place = end;
            if place >= 63 {
                break;
            }
        }
    }
    *cursor = bits;
    check(place)?;
    Ok(place == END)
}

#[inline(always)]
fn difference(bits: &mut Bits, dc: &Table, previous: &mut i32) -> Result<(), JpegFault> {
    let step = dc.step(bits.ahead());
    *previous = previous.wrapping_add(step.value(bits.ahead()));
    bits.consume(step.bits());
    check(step.advance())
}

/// Moves behind a block; only its DC coefficient is taken note of.
#[inline(always)]
pub(super) fn skip(cursor: &mut Bits, dc: &Table, ac: &Table, previous: &mut i32) -> Result<(), JpegFault> {
    let mut bits = *cursor;
    bits.refill();
    difference(&mut bits, dc, previous)?;
    let mut place = 0;
    while place < 63 {
        bits.refill();
        for _ in 0..REFILLED / PAIR_BITS {
            let pair = ac.pair(bits.ahead());
            let end = place + pair.advance();
            if !pair.is_known() || end & 64 != 0 {
                bits.refill();
                let step = ac.step(bits.ahead());
                place += step.advance();
                bits.consume(step.bits());
                break;
            }
            bits.consume(pair.bits());
            place = end;
            if place >= 63 {
                break;
            }
        }
    }
    *cursor = bits;
    check(place)
}
