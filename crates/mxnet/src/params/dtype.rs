//! Element types and their codes (mshadow's `TypeFlag`).

/// An array's element type. MXNet 1.3 knows the first seven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// IEEE half precision.
    F16,
    /// Unsigned byte.
    U8,
    /// 32-bit signed integer.
    I32,
    /// Signed byte.
    I8,
    /// 64-bit signed integer.
    I64,
    /// One byte, 0 or 1.
    Bool,
    /// 16-bit signed integer.
    I16,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// The upper half of a single-precision number.
    Bf16,
}

impl Dtype {
    /// All types, at the position of their code.
    const BY_CODE: [Self; 13] = [
        Self::F32,
        Self::F64,
        Self::F16,
        Self::U8,
        Self::I32,
        Self::I8,
        Self::I64,
        Self::Bool,
        Self::I16,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::Bf16,
    ];

    /// The type with that code in a file.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::BY_CODE.get(usize::try_from(code).ok()?).copied()
    }

    /// NumPy's name of the type, as `float32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::F16 => "float16",
            Self::U8 => "uint8",
            Self::I32 => "int32",
            Self::I8 => "int8",
            Self::I64 => "int64",
            Self::Bool => "bool",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::Bf16 => "bfloat16",
        }
    }

    /// The type's code in a file: its place in the declaration.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::F16 | Self::I16 | Self::U16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }
}
