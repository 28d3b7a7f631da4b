//! Reading: the file, its arrays in four layouts, its names.

use super::cursor::Cursor;
use super::layout::{DENSE, FILE_MAGIC, VERSION_1, VERSION_2, VERSION_3};
use super::{Dtype, NdArray, Params, ParamsError};
use std::collections::HashSet;

/// MXNet's arrays have at most 32 dimensions (numpy's limit). A larger number means that this is no array.
const MOST_DIMENSIONS: u32 = 32;

impl Params {
    /// Reads a whole file. Array layouts are told apart by their first word: version 2 (MXNet 0.12 and later),
    /// version 1 (0.11), and the oldest, which has no version and begins with the number of dimensions. Version 3
    /// (numpy semantics) is read too, a scalar as an array of one. Where the array lived (CPU, GPU) is ignored.
    ///
    /// # Errors
    /// When the bytes end early or go on after the names, an array is sparse or of unknown type, or a name is
    /// missing, no text or there twice.
    pub fn read(bytes: &[u8]) -> Result<Self, ParamsError> {
        let mut cursor = Cursor::new(bytes);
        let found = cursor.u64("file magic")?;
        if found != FILE_MAGIC {
            return Err(ParamsError::Magic { found });
        }
        cursor.u64("reserved word")?;
        let count = cursor.u64("number of arrays")?;
        let arrays = (0..count).map(|array| Block { cursor: &mut cursor, array }.read());
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        let names = names(&mut cursor, count)?;
        match cursor.left() {
            0 => Ok(Self(names.into_iter().zip(arrays).collect())),
            found => Err(ParamsError::Trailing { offset: cursor.offset(), found }),
        }
    }
}

fn names(cursor: &mut Cursor<'_>, arrays: u64) -> Result<Vec<String>, ParamsError> {
    let offset = cursor.offset();
    let count = cursor.u64("number of names")?;
    if count != arrays {
        return Err(ParamsError::Names { offset, arrays, names: count });
    }
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for _ in 0..count {
        let length = cursor.u64("length of a name")?;
        let offset = cursor.offset();
        let bytes = cursor.take(length, "name")?;
        let readable = || String::from_utf8_lossy(bytes).into_owned();
        let name = str::from_utf8(bytes).map_err(|_| ParamsError::NameText { offset, name: readable() })?;
        if !seen.insert(name) {
            return Err(ParamsError::NameTwice { offset, name: name.to_owned() });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// One array about to be read.
struct Block<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    /// Its place in the file, for messages.
    array: u64,
}

impl Block<'_, '_> {
    fn read(mut self) -> Result<NdArray, ParamsError> {
        let begins = self.cursor.offset();
        let first = self.cursor.u32("first word of an array")?;
        match first {
            VERSION_1 => {
                let dimensions = self.dimensions()?;
                self.dense(dimensions, 8)
            }
            VERSION_2 => {
                let storage = self.storage()?;
                let dimensions = self.dimensions()?;
                // An empty array keeps storage type -1 (undefined); anything with data must be dense.
                if storage != DENSE && dimensions > 0 {
                    return self.fail(begins + 4, "storage type", storage, "0 (dense)");
                }
                self.dense(dimensions, 8)
            }
            VERSION_3 => {
                let storage = self.storage()?;
                if storage != DENSE {
                    return self.fail(begins + 4, "storage type", storage, "0 (dense)");
                }
                match self.dimensions()? {
                    0 => self.data(begins, vec![1]),
                    dimensions => self.dense(dimensions, 8),
                }
            }
            dimensions if dimensions <= MOST_DIMENSIONS => self.dense(dimensions, 4),
            _ => self.fail(
                begins,
                "first word",
                first.cast_signed(),
                "an array magic or a number of dimensions",
            ),
        }
    }

    /// The storage type. Sparse arrays have a layout of their own, so they are refused before it is read.
    fn storage(&mut self) -> Result<i32, ParamsError> {
        let offset = self.cursor.offset();
        match self.cursor.i32("storage type")? {
            found @ (-1 | DENSE) => Ok(found),
            found => self.fail(offset, "storage type", found, "0 (dense); sparse arrays are not supported"),
        }
    }

    fn dimensions(&mut self) -> Result<u32, ParamsError> {
        let offset = self.cursor.offset();
        match self.cursor.u32("number of dimensions")? {
            dimensions if dimensions <= MOST_DIMENSIONS => Ok(dimensions),
            found => self.fail(offset, "number of dimensions", found.cast_signed(), "0 to 32"),
        }
    }

    /// The extents, each of `width` bytes, and what follows them. No dimensions, no more bytes.
    fn dense(&mut self, dimensions: u32, width: usize) -> Result<NdArray, ParamsError> {
        let begins = self.cursor.offset();
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let offset = self.cursor.offset();
            let extent = match width {
                4 => i64::from(self.cursor.u32("extent")?),
                _ => self.cursor.u64("extent")?.cast_signed(),
            };
            let Ok(extent) = usize::try_from(extent) else {
                return self.fail(offset, "extent", extent, "0 or more");
            };
            shape.push(extent);
        }
        match shape.as_slice() {
            [] => Ok(NdArray { shape, dtype: Dtype::F32, data: Vec::new() }),
            _ => self.data(begins, shape),
        }
    }

    /// Device, element type and elements.
    fn data(&mut self, begins: usize, shape: Vec<usize>) -> Result<NdArray, ParamsError> {
        self.cursor.u64("device")?;
        let offset = self.cursor.offset();
        let code = self.cursor.i32("element type")?;
        let Some(dtype) = Dtype::from_code(code) else {
            return self.fail(offset, "element type", code, "0 to 12");
        };
        let mut array = NdArray { shape, dtype, data: Vec::new() };
        let Some(length) = array.elements().and_then(|elements| elements.checked_mul(dtype.size())) else {
            return Err(ParamsError::Shape { array: self.array, offset: begins, shape: array.shape });
        };
        array.data = self.cursor.take(length as u64, "elements of an array")?.to_vec();
        Ok(array)
    }

    fn fail<T>(
        &self,
        offset: usize,
        field: &'static str,
        found: impl Into<i64>,
        expected: &'static str,
    ) -> Result<T, ParamsError> {
        Err(ParamsError::Field { array: self.array, offset, field, found: found.into(), expected })
    }
}
