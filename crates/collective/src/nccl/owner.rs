//! The thread that owns a rank's communicator: every call that may block is made there.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use cudarc::driver::result as driver;
use cudarc::driver::result::stream::StreamKind;
use cudarc::nccl::{result, sys};

use crate::OnDevice;

/// How often whoever waits for NCCL looks at the ring.
const LOOK: Duration = Duration::from_millis(20);

/// A rank and its GPU.
#[derive(Clone, Copy)]
pub struct Place {
    pub rank: usize,
    pub world: usize,
    pub gpu: usize,
}

/// What is asked of the thread, and what it answers; one answer for the communicator and one for each order.
pub struct Owner {
    orders: Option<Sender<OnDevice>>,
    answers: Receiver<Result<(), String>>,
    /// Null until it is there, and once it was aborted.
    communicator: Arc<AtomicPtr<sys::ncclComm>>,
    asked: Instant,
    time: Duration,
}

impl Owner {
    /// Begins to connect.
    pub fn start(place: Place, id: sys::ncclUniqueId) -> Result<Self, String> {
        let (orders, asked) = channel();
        let (answer, answers) = channel();
        let communicator = Arc::new(AtomicPtr::new(ptr::null_mut()));
        let shared = Arc::clone(&communicator);
        let work = move || {
            let connected = connect(place, id, &shared);
            let stream = connected.as_ref().ok().map(|stream| stream.0);
            // Nobody listens once the group is broken.
            let _ = answer.send(connected.map(|_| ()));
            let Some(stream) = stream else { return };
            while let Ok(values) = asked.recv() {
                let _ = answer.send(all_reduce(values, &shared, stream));
            }
            end(&shared, result::comm_destroy);
        };
        Builder::new().name("nccl".to_owned()).spawn(work).map_err(|error| error.to_string())?;
        let (asked, time) = (Instant::now(), Duration::ZERO);
        Ok(Owner { orders: Some(orders), answers, communicator, asked, time })
    }

    /// Sums in place over all ranks.
    pub fn all_reduce(&mut self, values: OnDevice) {
        self.asked = Instant::now();
        if let Some(orders) = &self.orders {
            // A thread that is gone shows as no answer.
            let _ = orders.send(values);
        }
    }

    /// The answer to what was asked, if it comes soon.
    pub fn answer(&mut self) -> Option<Result<(), String>> {
        let answer = match self.answers.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => Err("the thread of NCCL is gone".to_owned()),
            Ok(answer) => answer,
        };
        self.time += self.asked.elapsed();
        Some(answer)
    }

    /// Ends what is going on, whatever it waits for. nccl.h: `ncclCommAbort` may be called while others wait.
    pub fn abort(&mut self) {
        self.orders = None;
        end(&self.communicator, result::comm_abort);
    }

    /// Time from orders to answers.
    pub fn spent(&self) -> Duration {
        self.time
    }
}

/// A stream, which only the thread that made it uses.
struct Stream(cudarc::driver::sys::CUstream);

fn connect(place: Place, id: sys::ncclUniqueId, shared: &AtomicPtr<sys::ncclComm>) -> Result<Stream, String> {
    let number = |number: usize| c_int::try_from(number).map_err(|error| error.to_string());
    let (rank, world, gpu) = (number(place.rank)?, number(place.world)?, number(place.gpu)?);
    let driver_says = |error: cudarc::driver::DriverError| format!("the driver: {error:?}");
    driver::init().map_err(driver_says)?;
    let device = driver::device::get(gpu).map_err(driver_says)?;
    // SAFETY: the device is the driver's; its primary context, burn's too, is never released.
    let context = unsafe { driver::primary_ctx::retain(device) }.map_err(driver_says)?;
    // SAFETY: the context has just been retained.
    unsafe { driver::ctx::set_current(context) }.map_err(driver_says)?;
    let stream = driver::stream::create(StreamKind::NonBlocking).map_err(driver_says)?;
    let mut communicator = ptr::null_mut();
    // SAFETY: `communicator` outlives the call, and the id is one that rank 0's NCCL made.
    unsafe { result::comm_init_rank(&raw mut communicator, world, id, rank) }.map_err(nccl_says)?;
    shared.store(communicator, Ordering::Release);
    Ok(Stream(stream))
}

fn all_reduce(
    values: OnDevice,
    shared: &AtomicPtr<sys::ncclComm>,
    stream: cudarc::driver::sys::CUstream,
) -> Result<(), String> {
    let communicator = shared.load(Ordering::Acquire);
    if communicator.is_null() {
        return Err("the communicator was aborted".to_owned());
    }
    let at = values.address() as *mut c_void;
    let (kind, sum) = (sys::ncclDataType_t::ncclFloat32, sys::ncclRedOp_t::ncclSum);
    // SAFETY: the values are on this GPU and stay there until the answer (`OnDevice::new`); in place is allowed.
    let begun = unsafe { result::all_reduce(at, at, values.len(), kind, sum, communicator, stream.cast()) };
    begun.map_err(nccl_says)?;
    // SAFETY: the stream was made by this thread.
    unsafe { driver::stream::synchronize(stream) }.map_err(|error| format!("the driver: {error:?}"))?;
    // A peer that is gone may end the wait without an error of the stream.
    let mut fault = sys::ncclResult_t::ncclSuccess;
    // SAFETY: `fault` outlives the call; the communicator is still ours unless it was aborted, which is looked at first.
    if shared.load(Ordering::Acquire).is_null() {
        return Err("the communicator was aborted".to_owned());
    }
    unsafe { sys::ncclCommGetAsyncError(communicator, &raw mut fault) }.result().map_err(nccl_says)?;
    fault.result().map(|_| ()).map_err(nccl_says)
}

/// Ends the communicator once, if it is there.
fn end(
    shared: &AtomicPtr<sys::ncclComm>,
    how: unsafe fn(sys::ncclComm_t) -> Result<result::NcclStatus, result::NcclError>,
) {
    let communicator = shared.swap(ptr::null_mut(), Ordering::AcqRel);
    if !communicator.is_null() {
        // SAFETY: whoever takes it out is the only one to end it. Whether it ends in order nobody can act on.
        let _ = unsafe { how(communicator) };
    }
}

fn nccl_says(result::NcclError(code): result::NcclError) -> String {
    format!("NCCL: {code:?}; NCCL_DEBUG=WARN says more")
}
