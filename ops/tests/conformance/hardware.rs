//! The CUDA kernels on a device.
//!
//! `PHASOR_CUDA_DEVICE` is the number of the device that the tests use in place of the emulation; where it cannot be had, they fail.
//! With `PHASOR_CUDA_EXACT` set as well, tensors end where their memory ends, so that a memory checker sees what is read beyond.
//! Each test says on standard error how many launches it has made.

#![allow(unsafe_code)]

use phasor_ops::cuda::{CudaError, Driver, Function, Image, Launch, Launcher, Stream};
use phasor_ops_device::{Gpu, Memory};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

const DEVICE: &str = "PHASOR_CUDA_DEVICE";
const EXACT: &str = "PHASOR_CUDA_EXACT";

/// The device the tests are to use; none where that is the emulation.
pub(crate) fn chosen() -> Option<&'static Gpu> {
    static GPU: LazyLock<Option<Result<Gpu, String>>> = LazyLock::new(|| {
        let number = std::env::var(DEVICE).ok()?;
        let opened = number
            .parse()
            .map_err(|e| format!("`{number}`: {e}"))
            .and_then(Gpu::open);
        if let Ok(gpu) = &opened {
            say(&description(gpu).unwrap_or_else(|why| why));
        }
        Some(opened)
    });
    match &*GPU {
        None => None,
        Some(Ok(gpu)) => Some(gpu),
        Some(Err(why)) => panic!("{DEVICE} names no device to use: {why}"),
    }
}

/// Whether nothing is to surround tensors.
pub(crate) fn exact() -> bool {
    static SET: LazyLock<bool> = LazyLock::new(|| std::env::var_os(EXACT).is_some());
    *SET && chosen().is_some()
}

fn description(gpu: &Gpu) -> Result<String, String> {
    let (capability, driver) = (gpu.capability()?, gpu.driver_version()?);
    Ok(format!(
        "device: {}, compute capability {}.{}, driver of CUDA {}.{}",
        gpu.name()?,
        capability / 10,
        capability % 10,
        driver / 1000,
        driver % 1000 / 10
    ))
}

/// Not `eprintln`: the test harness swallows it.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// What a test has of the device: a stream of its own.
struct Used {
    /// The harness calls threads what it calls their tests.
    test: String,
    stream: phasor_ops_device::Stream<'static>,
    launches: Cell<u64>,
}

impl Used {
    fn new() -> Self {
        let gpu = chosen().expect("asked for where there is a device");
        Self {
            test: std::thread::current().name().unwrap_or("a test").into(),
            stream: phasor_ops_device::Stream::new(gpu).unwrap(),
            launches: Cell::new(0),
        }
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        say(&format!(
            "{} launches in {}",
            self.launches.get(),
            self.test
        ));
    }
}

thread_local! {
    static USED: Used = Used::new();
}

pub(crate) fn stream() -> Stream {
    USED.with(|used| Stream(used.stream.handle()))
}

thread_local! {
    /// Memory of tensors that are gone, by its size: to ask the driver for each takes longer than to run its kernel.
    static SPARE: RefCell<HashMap<usize, Vec<Memory<'static>>>> = RefCell::default();
}

/// Some memory of the device.
pub(crate) struct Bytes {
    /// Until it is dropped.
    memory: Option<Memory<'static>>,
    count: usize,
    room: usize,
}

impl Bytes {
    pub(crate) fn new(gpu: &'static Gpu, bytes: &[u8]) -> Self {
        let count = bytes.len();
        let room = if exact() {
            count
        } else {
            count.next_power_of_two()
        };
        let spare = SPARE.with_borrow_mut(|spare| spare.get_mut(&room).and_then(Vec::pop));
        let mut memory = spare.unwrap_or_else(|| Memory::new(gpu, room).unwrap());
        memory.write(0, bytes).unwrap();
        Self {
            memory: Some(memory),
            count,
            room,
        }
    }

    fn memory(&self) -> &Memory<'static> {
        self.memory.as_ref().expect("it is not dropped")
    }

    pub(crate) fn address(&self) -> u64 {
        self.memory().address()
    }

    pub(crate) fn read(&self) -> Vec<u8> {
        self.memory().read(self.count).unwrap()
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        if !exact() {
            let memory = self.memory.take();
            SPARE.with_borrow_mut(|spare| spare.entry(self.room).or_default().extend(memory));
        }
    }
}

/// The kernel called `name`, loaded as a host has it loaded: while the device is current.
pub(crate) fn function(gpu: &Gpu, image: Image, name: &str) -> Result<Function, CudaError> {
    let _current = gpu.current().map_err(CudaError::Driver)?;
    Driver::get()?.function(image, name)
}

/// Runs a kernel to its end, in the stream of this thread.
///
/// # Safety
/// Those of a [`Launcher`].
pub(crate) unsafe fn launch<P>(
    function: &Function,
    launch: &Launch<P>,
    stream: Stream,
) -> Result<(), CudaError> {
    // SAFETY: this function's `# Safety` section is that of `Launcher::launch`, which the driver implements.
    unsafe { Driver::get()?.launch(function, launch, stream)? };
    USED.with(|used| {
        used.launches.set(used.launches.get() + 1);
        used.stream.synchronize().map_err(CudaError::Driver)
    })
}

/// Tests that take longest, or never ask for a device.
const LEFT_OUT: [&str; 8] = [
    "every_",
    "large",
    "random",
    "from_memory",
    "sizes_of",
    "neighbours",
    "widths",
    "rows_of",
];

/// The other tests, in processes that take the emulated driver for NVIDIA's: a current one and an old one, either device.
#[test]
fn the_driver_is_called_as_it_wants_to_be() {
    if std::env::var_os(DEVICE).is_some() {
        return;
    }
    let drivers = phasor_ops_emulation::drivers();
    if drivers.is_empty() {
        say("skipped: there is no emulated driver here");
    }
    let choices = drivers
        .iter()
        .flat_map(|folder| [(folder, "0", false), (folder, "1", true)]);
    for (folder, device, exact) in choices {
        let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
        tests.env("LD_LIBRARY_PATH", folder).env(DEVICE, device);
        if exact {
            tests.env(EXACT, "1");
        }
        for name in LEFT_OUT {
            tests.args(["--skip", name]);
        }
        let done = tests.output().unwrap();
        let [out, err] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(done.status.success(), "{}:\n{out}{err}", folder.display());
        let device = format!("device: emulated {device}, ");
        for said in [
            &device,
            " launches in rotary::",
            " launches in rotary_pair::",
        ] {
            assert!(err.contains(said), "{err}");
        }
    }
}
