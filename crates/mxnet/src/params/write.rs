//! Writing, in the layout of version 2.

use super::layout::{CPU, DENSE, FILE_MAGIC, VERSION_2};
use super::{NdArray, Params, ParamsError};
use std::io::Write;

/// The second word of a file.
const RESERVED: u64 = 0;

impl Params {
    /// Writes a whole file, byte for byte as MXNet 1.x saves the same arrays. It makes small writes: give it
    /// a buffered stream.
    ///
    /// # Errors
    /// When an array's data does not fit its shape, or the stream fails.
    pub fn write(&self, mut out: impl Write) -> Result<(), ParamsError> {
        // Checked first, so that a wrong array leaves nothing half written.
        self.0.iter().try_for_each(|(_, array)| array.check())?;
        let count = self.0.len() as u64;
        for word in [FILE_MAGIC, RESERVED, count] {
            out.write_all(&word.to_le_bytes())?;
        }
        self.0.iter().try_for_each(|(_, array)| write_array(array, &mut out))?;
        out.write_all(&count.to_le_bytes())?;
        for (name, _) in &self.0 {
            out.write_all(&(name.len() as u64).to_le_bytes())?;
            out.write_all(name.as_bytes())?;
        }
        Ok(())
    }
}

fn write_array(array: &NdArray, out: &mut impl Write) -> Result<(), ParamsError> {
    out.write_all(&VERSION_2.to_le_bytes())?;
    out.write_all(&DENSE.to_le_bytes())?;
    out.write_all(&(array.shape.len() as u32).to_le_bytes())?;
    for extent in &array.shape {
        out.write_all(&(*extent as u64).to_le_bytes())?;
    }
    if array.shape.is_empty() {
        return Ok(());
    }
    for word in [CPU[0], CPU[1], array.dtype.code()] {
        out.write_all(&word.to_le_bytes())?;
    }
    Ok(out.write_all(&array.data)?)
}
