//! burn's tensors as the kernels see them.

use brazier_kernels::convolution::Images;
use brazier_kernels::{Buffer, Factors, Format, HalfRows, Halves, Path, Results, ShapeError};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{AllocationProperty, Bytes, DType, Shape, Tensor};

/// A float tensor that burn differentiates.
pub(super) type Tracked = FloatTensor<Autodiff<Flex>>;

/// A tensor's primitive, if it is one of flex in float32, or an image in bfloat16 whose rows are whole pairs.
pub(super) enum Primitive {
    Plain(FlexTensor),
    Tracked(Tracked),
}

impl Primitive {
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        match tensor.dtype() {
            DType::F32 => {}
            DType::BF16 if D == 4 && tensor.dims()[1].is_multiple_of(2) => {}
            _ => return None,
        }
        match tensor.device().is_autodiff() {
            true => tensor.clone().try_into_primitive::<Autodiff<Flex>>().ok().map(Primitive::Tracked),
            false => tensor.clone().try_into_primitive::<Flex>().ok().map(Primitive::Plain),
        }
    }
}

/// `[n, c, h, w]` whose channels stand side by side.
#[derive(Clone, Debug)]
pub(super) struct ChannelsLast {
    tensor: FlexTensor,
    pub(super) images: Images,
    pub(super) channels: usize,
}

impl ChannelsLast {
    /// A tensor without gradients.
    pub(super) fn plain(tensor: &Tensor<4>) -> Option<Self> {
        match Primitive::of(tensor)? {
            Primitive::Plain(tensor) => Some(ChannelsLast::of(tensor)),
            Primitive::Tracked(_) => None,
        }
    }

    /// The tensor as it is, or a copy if its strides are others.
    pub(super) fn of(tensor: FlexTensor) -> Self {
        let shape = tensor.layout().shape();
        let [count, channels, height, width] = [0, 1, 2, 3].map(|axis| shape[axis]);
        let expected = strides([count, channels, height, width]);
        let extents = [count, channels, height, width].into_iter();
        let fits = extents
            .zip(tensor.layout().strides())
            .zip(expected)
            .all(|((extent, &stride), expected)| extent == 1 || stride == expected);
        let tensor = match fits {
            true => tensor,
            false => tensor.permute(&[0, 2, 3, 1]).to_contiguous().permute(&[0, 3, 1, 2]),
        };
        let whole = ChannelsLast { tensor, images: Images { count, height, width }, channels };
        if whole.format() == Format::Bfloat16 && whole.slots().is_none() {
            // Of bytes that do not begin where a pair may: never of our own.
            let halves = whole.bytes();
            let mut pairs = Buffer::new(halves.len() / size_of::<f32>());
            bytemuck::cast_slice_mut(&mut pairs).copy_from_slice(halves);
            return ChannelsLast { tensor: whole.form().of(pairs), ..whole };
        }
        whole
    }

    pub(super) fn format(&self) -> Format {
        format_of(&self.tensor)
    }

    pub(super) fn form(&self) -> Form {
        Form { images: self.images, channels: self.channels, format: self.format() }
    }

    /// `[n, h, w, c]`.
    pub(super) fn factors(&self) -> Factors<'_> {
        match self.format() {
            Format::Float32 => {
                let first = self.tensor.layout().start_offset();
                Factors::Float32(&self.tensor.storage()[first..first + self.images.pixels() * self.channels])
            }
            Format::Bfloat16 => HalfRows::new(self.slots().unwrap_or_default(), self.channels).into(),
        }
    }

    /// Those of a tensor in bfloat16.
    fn bytes(&self) -> &[u8] {
        let first = 2 * self.tensor.layout().start_offset();
        &self.tensor.bytes()[first..first + 2 * self.images.pixels() * self.channels]
    }

    /// Pairs of bfloat16, where they lie as pairs may.
    fn slots(&self) -> Option<&[f32]> {
        bytemuck::try_cast_slice(self.bytes()).ok()
    }

    /// The same in a format.
    pub(super) fn to(self, path: Path, format: Format) -> Self {
        let values = match (self.factors(), format) {
            (Factors::Float32(values), Format::Bfloat16) => {
                Halves::of(path, values, self.channels).into_slots()
            }
            (Factors::Bfloat16(rows), Format::Float32) => rows.to_f32(),
            _ => return self,
        };
        ChannelsLast { tensor: Form { format, ..self.form() }.of(values), ..self }
    }

    pub(super) fn into_tensor(self) -> FlexTensor {
        self.tensor
    }
}

/// What a tensor of `[n, h, w, channels]` is like; in bfloat16 channels are even.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) images: Images,
    pub(super) channels: usize,
    pub(super) format: Format,
}

impl Form {
    /// A tensor whose values `fill` writes.
    pub(super) fn tensor(
        self,
        fill: impl FnOnce(Results<'_>) -> Result<(), ShapeError>,
    ) -> Result<FlexTensor, ShapeError> {
        let mut values = self.room();
        fill(self.results(&mut values))?;
        Ok(self.of(values))
    }

    /// Memory for its values.
    pub(super) fn room(self) -> Buffer {
        Buffer::new(self.format.slots(self.images.pixels() * self.channels))
    }

    /// That memory as the kernels fill it.
    pub(super) fn results(self, values: &mut Buffer) -> Results<'_> {
        Results::of(self.format, values)
    }

    /// The tensor of such values: `[n, channels, h, w]` from `[n, h, w, channels]`.
    pub(super) fn of(self, values: Buffer) -> FlexTensor {
        let Form { images, channels, format } = self;
        let extents = [images.count, channels, images.height, images.width];
        let layout = Layout::new(Shape::from(extents), strides(extents).to_vec(), 0);
        let dtype = match format {
            Format::Float32 => DType::F32,
            Format::Bfloat16 => DType::BF16,
        };
        FlexTensor::new(bytes(values), layout, dtype)
    }
}

fn format_of(tensor: &FlexTensor) -> Format {
    if tensor.dtype() == DType::BF16 { Format::Bfloat16 } else { Format::Float32 }
}

/// A tensor of values in C order.
pub(super) fn from_values<const D: usize>(values: Buffer, shape: [usize; D]) -> FlexTensor {
    FlexTensor::new(bytes(values), Layout::contiguous(Shape::from(shape)), DType::F32)
}

/// A vector.
pub(super) fn from_vec(values: Vec<f32>) -> FlexTensor {
    let layout = Layout::contiguous(Shape::from([values.len()]));
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

/// The values of a tensor in C order.
pub(super) fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor.clone() } else { tensor.to_contiguous() }
}

/// Those of a tensor that [`contiguous`] gave.
pub(super) fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().unwrap_or_default()
}

fn strides([_, channels, height, width]: [usize; 4]) -> [isize; 4] {
    [height * width * channels, 1, width * channels, channels].map(|stride| stride as isize)
}

/// Memory that goes back to the kernels when burn drops the tensor.
fn bytes(values: Buffer) -> Bytes {
    struct Owner(Buffer);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            bytemuck::cast_slice(&self.0)
        }
    }
    Bytes::from_shared(bytes::Bytes::from_owner(Owner(values)), AllocationProperty::Native)
}
