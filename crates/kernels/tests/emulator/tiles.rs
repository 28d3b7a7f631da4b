//! What the instructions do to a thread's tiles. Source: as for `decode`, and "Intel Architecture Instruction Set Extensions
//! Programming Reference", 3.

use std::ptr;

use super::decode::Instruction;

/// Registers of a thread.
pub struct Tiles {
    is_configured: bool,
    tiles: [Tile; 8],
}

/// One: the used part of it, and all that it holds.
#[derive(Clone, Copy)]
struct Tile {
    rows: usize,
    /// Bytes of a row.
    width: usize,
    data: [[u8; 64]; 16],
}

const EMPTY: Tile = Tile { rows: 0, width: 0, data: [[0; 64]; 16] };

/// What a processor without exceptions for it does to a number that is too small to be normal.
fn flush(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { 0.0f32.copysign(value) } else { value }
}

impl Tile {
    /// A row of float32.
    fn row(&self, row: usize) -> [f32; 16] {
        let bytes = &self.data[row];
        std::array::from_fn(|column| f32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[4 * column + byte])))
    }

    fn set_row(&mut self, row: usize, values: [f32; 16]) {
        for (to, value) in self.data[row].chunks_exact_mut(4).zip(values) {
            to.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// A row of pairs of bfloat16: the first of each, and the second.
    fn pairs(&self, row: usize) -> [[f32; 16]; 2] {
        let bytes = &self.data[row];
        [0, 2].map(|half| {
            std::array::from_fn(|column| {
                let bits = u16::from_le_bytes([0, 1].map(|byte| bytes[4 * column + half + byte]));
                flush(f32::from_bits(u32::from(bits) << 16))
            })
        })
    }
}

impl Tiles {
    /// As a thread finds them: not configured.
    pub const fn new() -> Self {
        Tiles { is_configured: false, tiles: [EMPTY; 8] }
    }

    /// Runs an instruction, or says why a processor would refuse it.
    ///
    /// # Safety
    /// The memory that it names is readable, or writable.
    pub unsafe fn run(&mut self, instruction: Instruction) -> Result<(), String> {
        let bytes = |address: usize| ptr::with_exposed_provenance_mut::<u8>(address);
        match instruction {
            Instruction::Configure { from } => {
                // SAFETY: the caller's.
                self.configure(unsafe { &*bytes(from).cast::<[u8; 64]>() })?;
            }
            Instruction::Release => *self = Tiles::new(),
            Instruction::Zero { tile } => self.tile(tile)?.data = EMPTY.data,
            Instruction::Load { tile, from, stride } => {
                let tile = self.tile(tile)?;
                let mut data = EMPTY.data;
                for (row, to) in data.iter_mut().enumerate().take(tile.rows) {
                    let from = bytes(from.wrapping_add(row.wrapping_mul(stride)));
                    // SAFETY: the caller's.
                    unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), tile.width) };
                }
                tile.data = data;
            }
            Instruction::Store { tile, to, stride } => {
                let tile = self.tile(tile)?;
                for (row, from) in tile.data.iter().enumerate().take(tile.rows) {
                    let to = bytes(to.wrapping_add(row.wrapping_mul(stride)));
                    // SAFETY: the caller's.
                    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, tile.width) };
                }
            }
            Instruction::Multiply { sums, left, right } => self.multiply(sums, left, right)?,
        }
        Ok(())
    }

    /// Whether registers have shapes.
    pub fn is_configured(&self) -> bool {
        self.is_configured
    }

    /// A register that can be used.
    fn tile(&mut self, index: usize) -> Result<&mut Tile, String> {
        let tile = &mut self.tiles[index];
        match self.is_configured && tile.rows > 0 {
            true => Ok(tile),
            false => Err(format!("tile {index} is not configured")),
        }
    }

    /// Shapes from the bytes that LDTILECFG reads.
    pub fn configure(&mut self, bytes: &[u8; 64]) -> Result<(), String> {
        let (widths, rows) = (&bytes[16..48], &bytes[48..]);
        let refuse = |what: &str, found: usize| Err(format!("{what} of the configuration: {found}"));
        match bytes[0] {
            0 => {
                *self = Tiles::new();
                return Ok(());
            }
            1 => {}
            other => return refuse("the palette", other.into()),
        }
        if bytes[1] != 0 {
            // A processor takes up a load that was cut off there; nothing of ours was.
            return refuse("the row to begin with", bytes[1].into());
        }
        if let Some(&set) =
            bytes[2..16].iter().chain(&widths[16..]).chain(&rows[8..]).find(|&&byte| byte != 0)
        {
            return refuse("a reserved byte", set.into());
        }
        let mut tiles = [EMPTY; 8];
        for (index, tile) in tiles.iter_mut().enumerate() {
            tile.width = u16::from_le_bytes([widths[2 * index], widths[2 * index + 1]]).into();
            tile.rows = rows[index].into();
            if tile.width > 64 {
                return refuse("the width of a tile", tile.width);
            }
            if tile.rows > 16 || (tile.rows == 0) != (tile.width == 0) {
                return refuse("the number of rows of a tile", tile.rows);
            }
        }
        *self = Tiles { is_configured: true, tiles };
        Ok(())
    }

    /// Rows of `left` times columns of `right`, added to `sums`: products of a pair's first halves and of its second ones in
    /// sums of their own, in order, each rounded once; then both together, then to what was there.
    fn multiply(&mut self, sums: usize, left: usize, right: usize) -> Result<(), String> {
        if sums == left || sums == right || left == right {
            return Err("a tile is named twice".to_owned());
        }
        let (a, b) = (*self.tile(left)?, *self.tile(right)?);
        let sums = self.tile(sums)?;
        if sums.rows != a.rows || sums.width != b.width || a.width != 4 * b.rows || sums.width % 4 != 0 {
            let shapes = [*sums, a, b].map(|tile| (tile.rows, tile.width));
            return Err(format!("shapes of the sums, left and right: {shapes:?}"));
        }
        #[target_feature(enable = "avx512f")]
        fn add(sums: &mut Tile, a: &Tile, b: &Tile) {
            let mut columns = [[[0.0f32; 16]; 2]; 16];
            for (row, columns) in columns.iter_mut().enumerate() {
                *columns = b.pairs(row);
            }
            for row in 0..sums.rows {
                let [first, second] = a.pairs(row);
                let mut both = [[0.0f32; 16]; 2];
                for k in 0..a.width / 4 {
                    for column in 0..16 {
                        both[0][column] = flush(first[k].mul_add(columns[k][0][column], both[0][column]));
                        both[1][column] = flush(second[k].mul_add(columns[k][1][column], both[1][column]));
                    }
                }
                let mut values = sums.row(row);
                for column in 0..sums.width / 4 {
                    let pair = flush(both[0][column] + both[1][column]);
                    values[column] = flush(flush(values[column]) + pair);
                }
                sums.set_row(row, values);
            }
        }
        // SAFETY: the emulator is used where AVX-512 BF16 is.
        unsafe { add(sums, &a, &b) };
        Ok(())
    }
}
