//! Where a tensor lies on a GPU, for a library that works there beside burn.
//!
//! Read in the sources of burn-fusion 0.22.1 (`resolve_tensor_float`) and cubecl-runtime 0.11.3 (`get_resource`), compiled, and never
//! yet run on a GPU.

use burn::tensor::Tensor;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend};
use cubecl::cuda::CudaRuntime;
use cubecl_runtime::runtime::Runtime;

/// The server that owns a GPU's memory.
type Server = <CudaRuntime as Runtime>::Server;

/// Calls `work` with the address and the length of `values`, which lie contiguous on a GPU, after everything that was to be written to
/// them is written; they stay where they are meanwhile. What `work` has written there is what `values` holds afterwards.
///
/// # Errors
/// Values that are not on a GPU; a device that has failed.
pub fn with_address<T>(values: &Tensor<1>, work: impl FnOnce(u64, usize) -> T) -> Result<T, String> {
    let len = values.dims()[0];
    let fused = values.clone().try_into_primitive::<Cube>().map_err(|error| format!("{error:?}"))?;
    let client = fused.client.clone();
    let tensor: CubeTensor = client.resolve_tensor_float::<CubeBackend>(fused);
    let memory = tensor.client.get_resource::<Server>(tensor.handle.clone());
    let memory = memory.map_err(|error| error.to_string())?;
    // The stream of burn's kernels is not told: all of them are waited for.
    cubecl::future::block_on(tensor.client.sync()).map_err(|error| error.to_string())?;
    let resource = memory.resource();
    let room = resource.size / size_of::<f32>() as u64;
    if room < len as u64 {
        return Err(format!("{len} values lie in room for {room}"));
    }
    Ok(work(resource.ptr, len))
}
