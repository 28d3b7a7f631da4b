//! burn's tensors as the kernels see them.

use brazier_kernels::Buffer;
use brazier_kernels::convolution::Images;
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{AllocationProperty, Bytes, DType, Shape, Tensor};

/// A float tensor that burn differentiates.
pub(super) type Tracked = FloatTensor<Autodiff<Flex>>;

/// A tensor's primitive, if it is float32 of flex.
pub(super) enum Primitive {
    Plain(FlexTensor),
    Tracked(Tracked),
}

impl Primitive {
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
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
        ChannelsLast { tensor, images: Images { count, height, width }, channels }
    }

    /// `[n, h, w, c]`.
    pub(super) fn values(&self) -> &[f32] {
        let first = self.tensor.layout().start_offset();
        &self.tensor.storage()[first..first + self.images.pixels() * self.channels]
    }

    pub(super) fn into_tensor(self) -> FlexTensor {
        self.tensor
    }
}

/// A tensor of `[n, channels, h, w]` from values of `[n, h, w, channels]`.
pub(super) fn from_channels_last(values: Buffer, images: Images, channels: usize) -> FlexTensor {
    let extents = [images.count, channels, images.height, images.width];
    FlexTensor::new(
        bytes(values),
        Layout::new(Shape::from(extents), strides(extents).to_vec(), 0),
        DType::F32,
    )
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
