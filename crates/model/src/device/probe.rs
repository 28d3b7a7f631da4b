//! Asks the libraries themselves: opened by the names that cudarc tries, so that what is judged is what will be used.

#![expect(unsafe_code, reason = "a library that is opened at run time can be called in no other way")]

use std::env;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::fs;
use std::path::PathBuf;

use cudarc::get_lib_name_candidates;
use libloading::Library;

use super::facts::{Driver, DriverFault, Facts, Gpu, Headers, Nvrtc, Version};

// Whatever cudarc found where this was built would decide what cubecl expects of NVRTC and the driver.
const _: () = assert!(
    cudarc::driver::sys::CUDA_VERSION == 12080,
    "build with CUDARC_CUDA_VERSION=12080, which .cargo/config.toml sets for builds inside the repository"
);

/// `CUdevice_attribute` of cuda.h.
const CAPABILITY_MAJOR: c_int = 75;
const CAPABILITY_MINOR: c_int = 76;

/// What cubecl's kernels include; the last lies in `cccl` below from CUDA 13 on.
const INCLUDED: [&str; 6] =
    ["cuda_fp16.h", "cuda_bf16.h", "mma.h", "crt/mma.h", "cooperative_groups.h", "cuda/barrier"];

/// Everything there is to know of this machine. Takes no context on a GPU, so it costs none of its memory.
pub fn facts() -> Facts {
    let opened = open("cuda").ok_or(DriverFault::Missing).and_then(drive);
    let (driver, gpus) = match opened {
        Ok((driver, gpus)) => (Ok(driver), gpus),
        Err(fault) => (Err(fault), Vec::new()),
    };
    Facts {
        driver,
        gpus,
        visible: env::var("CUDA_VISIBLE_DEVICES").ok(),
        nvrtc: open("nvrtc").and_then(nvrtc),
        nccl: open("nccl").and_then(nccl),
        headers: headers(),
    }
}

/// Stays open for good: a driver that was initialised is not to be unloaded, and cudarc opens the same ones later.
fn open(name: &str) -> Option<&'static Library> {
    // SAFETY: the libraries are NVIDIA's, whose initialisers may run at any time.
    let library =
        get_lib_name_candidates(name).into_iter().find_map(|name| unsafe { Library::new(name) }.ok());
    library.map(|library| &*Box::leak(Box::new(library)))
}

/// A function of a library as a value of type `F`, which must be its type in C.
fn function<F: Copy>(library: &Library, name: &'static str) -> Option<F> {
    // SAFETY: each caller takes `F` from the header that declares `name`.
    unsafe { library.get::<F>(name.as_bytes()) }.ok().map(|symbol| *symbol)
}

fn drive(library: &Library) -> Result<(Driver, Vec<Gpu>), DriverFault> {
    fn driver_function<F: Copy>(library: &Library, name: &'static str) -> Result<F, DriverFault> {
        function(library, name).ok_or(DriverFault::Symbol(name))
    }
    type Init = unsafe extern "C" fn(c_uint) -> c_int;
    type Read = unsafe extern "C" fn(*mut c_int) -> c_int;
    type Get = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
    type Name = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
    type Attribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;
    type Memory = unsafe extern "C" fn(*mut usize, c_int) -> c_int;
    let init: Init = driver_function(library, "cuInit")?;
    let version: Read = driver_function(library, "cuDriverGetVersion")?;
    let count: Read = driver_function(library, "cuDeviceGetCount")?;
    let get: Get = driver_function(library, "cuDeviceGet")?;
    let name: Name = driver_function(library, "cuDeviceGetName")?;
    let attribute: Attribute = driver_function(library, "cuDeviceGetAttribute")?;
    let memory: Memory = driver_function(library, "cuDeviceTotalMem_v2")?;

    let checked = |function, code| if code == 0 { Ok(()) } else { Err(DriverFault::Refuses(function, code)) };
    let (mut cuda, mut gpus) = (0, 0);
    // SAFETY: the types are those of cuda.h, and what is pointed to outlives the calls.
    unsafe {
        checked("cuInit", init(0))?;
        checked("cuDriverGetVersion", version(&raw mut cuda))?;
        checked("cuDeviceGetCount", count(&raw mut gpus))?;
    }
    let gpu = |number| {
        let (mut device, mut major, mut minor, mut bytes) = (0, 0, 0, 0_usize);
        let mut text = [0_u8; 256];
        // SAFETY: as above; the name's length is that of its room, and the driver ends it with a zero.
        unsafe {
            checked("cuDeviceGet", get(&raw mut device, number))?;
            checked("cuDeviceGetName", name(text.as_mut_ptr().cast(), text.len() as c_int, device))?;
            checked("cuDeviceGetAttribute", attribute(&raw mut major, CAPABILITY_MAJOR, device))?;
            checked("cuDeviceGetAttribute", attribute(&raw mut minor, CAPABILITY_MINOR, device))?;
            checked("cuDeviceTotalMem", memory(&raw mut bytes, device))?;
        }
        let name = CStr::from_bytes_until_nul(&text).unwrap_or_default().to_string_lossy().into_owned();
        Ok(Gpu { name, capability: Version(unsigned(major), unsigned(minor)), memory: bytes as u64 })
    };
    let gpus = (0..gpus).map(gpu).collect::<Result<_, _>>()?;
    Ok((Driver { cuda: packed(cuda), release: release() }, gpus))
}

/// 12080 is 12.8.
fn packed(version: c_int) -> Version {
    Version(unsigned(version / 1000), unsigned(version % 1000 / 10))
}

fn unsigned(number: c_int) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// The driver's own version, by the third word after "Kernel Module" or so: the first of digits and dots.
fn release() -> Option<String> {
    let text = fs::read_to_string("/proc/driver/nvidia/version").ok()?;
    let is_version =
        |word: &&str| word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.lines().next()?.split_whitespace().find(is_version).map(str::to_owned)
}

fn nvrtc(library: &Library) -> Option<Nvrtc> {
    type Pair = unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int;
    type Numbers = unsafe extern "C" fn(*mut c_int) -> c_int;
    let version: Pair = function(library, "nvrtcVersion")?;
    let (mut major, mut minor, mut count) = (0, 0, 0);
    // SAFETY: the types are those of nvrtc.h, and what is pointed to outlives the call.
    if unsafe { version(&raw mut major, &raw mut minor) } != 0 {
        return None;
    }
    let mut architectures = Vec::new();
    // Both are there from 11.2 on.
    let tells = function::<Numbers>(library, "nvrtcGetNumSupportedArchs")
        .zip(function::<Numbers>(library, "nvrtcGetSupportedArchs"));
    if let Some((number, list)) = tells
        // SAFETY: as above.
        && unsafe { number(&raw mut count) } == 0
    {
        let mut found = vec![0; unsigned(count) as usize];
        // SAFETY: `found` has room for as many as the library has just said.
        if unsafe { list(found.as_mut_ptr()) } == 0 {
            architectures = found.into_iter().map(unsigned).collect();
        }
    }
    Some(Nvrtc { version: Version(unsigned(major), unsigned(minor)), architectures })
}

/// 22703 is 2.27.3. Source: `NCCL_VERSION` of nccl.h, from 2.9 on.
fn nccl(library: &Library) -> Option<String> {
    let get: unsafe extern "C" fn(*mut c_int) -> c_int = function(library, "ncclGetVersion")?;
    let mut code = 0;
    // SAFETY: the type is that of nccl.h, and `code` outlives the call.
    (unsafe { get(&raw mut code) } == 0)
        .then(|| format!("{}.{}.{}", code / 10_000, code / 100 % 100, code % 100))
}

/// Where cubecl looks. It panics where it finds nothing (`cubecl-cuda` 0.11, `install::include_path`).
fn headers() -> Headers {
    let Some(root) = cubecl::cuda::install::cuda_path() else { return Headers::Nowhere };
    let folder: PathBuf = root.join("include");
    let is_there = |name: &str| folder.join(name).is_file() || folder.join("cccl").join(name).is_file();
    match INCLUDED.into_iter().find(|name| !is_there(name)) {
        Some(missing) => Headers::Incomplete(folder, missing),
        None => Headers::Found(folder),
    }
}
