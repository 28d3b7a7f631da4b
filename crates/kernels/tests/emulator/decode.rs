//! Which instruction some bytes are. Source: "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2: the
//! instructions' own pages, and 2.3 for the prefix VEX.

/// An instruction with its operands: numbers of tiles, addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// LDTILECFG
    Configure { from: usize },
    /// TILERELEASE
    Release,
    /// TILEZERO
    Zero { tile: usize },
    /// TILELOADD
    Load { tile: usize, from: usize, stride: usize },
    /// TILESTORED
    Store { tile: usize, to: usize, stride: usize },
    /// TDPBF16PS
    Multiply { sums: usize, left: usize, right: usize },
}

/// Prefixes that VEX stands for.
const NONE: u8 = 0;
const F3: u8 = 2;
const F2: u8 = 3;

/// The instruction and its length, from its bytes and the values of registers.
pub fn decode(byte: impl Fn(usize) -> u8, register: impl Fn(usize) -> usize) -> Option<(Instruction, usize)> {
    let [first, map, vector] = [byte(0), byte(1), byte(2)];
    // Three bytes of VEX, the opcodes behind 0F 38; W is 0, and so is L, for 128 bits.
    if first != 0xc4 || map & 0x1f != 2 || vector & 0x84 != 0 {
        return None;
    }
    // These four bits, and the three above the map, are stored inverted.
    let (third, prefix) = (usize::from(!vector >> 3 & 15), vector & 3);
    let [_, high_index, high_base] = [7, 6, 5].map(|bit| usize::from(!map >> bit & 1) << 3);
    let (opcode, modes) = (byte(3), byte(4));
    let (mode, tile, other) = (modes >> 6, usize::from(modes >> 3 & 7), usize::from(modes & 7));
    if mode == 3 {
        let instruction = match (opcode, prefix) {
            (0x49, NONE) if modes == 0xc0 => Instruction::Release,
            (0x49, F2) if other == 0 => Instruction::Zero { tile },
            (0x5c, F3) if third < 8 => Instruction::Multiply { sums: tile, left: other, right: third },
            _ => return None,
        };
        return Some((instruction, 5));
    }
    let (mut length, mut base, mut index) = (5, Some(high_base | other), None);
    if other == 4 {
        let scaled = byte(5);
        length += 1;
        base = Some(high_base | usize::from(scaled & 7));
        if mode == 0 && scaled & 7 == 5 {
            return None; // No base, which our code never does.
        }
        let number = high_index | usize::from(scaled >> 3 & 7);
        index = (number != 4).then_some((number, scaled >> 6));
    } else if mode == 0 && other == 5 {
        base = None;
    }
    // Relative to the instruction: not ours either.
    let mut address = register(base?);
    match mode {
        1 => {
            address = address.wrapping_add_signed((byte(length) as i8).into());
            length += 1;
        }
        2 => {
            let bytes = [0, 1, 2, 3].map(|at| byte(length + at));
            address = address.wrapping_add_signed(i32::from_le_bytes(bytes) as isize);
            length += 4;
        }
        _ => {}
    }
    let stride = index.map_or(0, |(number, scale)| register(number) << scale);
    let instruction = match (opcode, prefix) {
        (0x49, NONE) if tile == 0 => Instruction::Configure { from: address.wrapping_add(stride) },
        // Without the byte of base and index it is no instruction.
        (0x4b, F2) if other == 4 => Instruction::Load { tile, from: address, stride },
        (0x4b, F3) if other == 4 => Instruction::Store { tile, to: address, stride },
        _ => return None,
    };
    Some((instruction, length))
}
