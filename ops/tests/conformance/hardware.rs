//! The CUDA kernels on a device.
//!
//! `PHASOR_CUDA_DEVICE` is the number of the device that the tests use in place of the emulation; where it cannot be had, they fail.
//! With `PHASOR_CUDA_EXACT` set as well, tensors end where their memory ends, so that a memory checker sees what is read beyond;
//! with `PHASOR_CUDA_DEFAULT_STREAM`, kernels are launched without a stream. Where there is another device, its context is current
//! on the thread while kernels are made and launched, which must not matter. Each test says on standard error how many launches it has made.

#![allow(unsafe_code)]

use phasor_ops::cuda::{CudaError, Device, Driver, Function, Image, Launch, Launcher, Stream};
use phasor_ops_device::{Current, Gpu, Memory};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

const DEVICE: &str = "PHASOR_CUDA_DEVICE";
const EXACT: &str = "PHASOR_CUDA_EXACT";
const DEFAULT_STREAM: &str = "PHASOR_CUDA_DEFAULT_STREAM";

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

/// A device that is not the chosen one, if there is another.
fn other() -> Option<&'static Gpu> {
    static OTHER: LazyLock<Option<Gpu>> = LazyLock::new(|| {
        let number = if chosen()?.number() == 0 { 1 } else { 0 };
        Gpu::open(number).ok()
    });
    OTHER.as_ref()
}

/// The context that hosts with several devices may leave current.
fn distracted() -> Option<Current<'static>> {
    other().map(|gpu| gpu.current().unwrap())
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
        let stream = match std::env::var_os(DEFAULT_STREAM) {
            Some(_) => phasor_ops_device::Stream::of_default(gpu),
            None => phasor_ops_device::Stream::new(gpu).unwrap(),
        };
        Self {
            test: std::thread::current().name().unwrap_or("a test").into(),
            stream,
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

/// The chosen device, to launch on.
fn device() -> Result<Device, CudaError> {
    let gpu = chosen().expect("asked for where there is a device");
    Driver::get()?.device(gpu.number())
}

/// The kernel called `name`.
pub(crate) fn function(image: Image, name: &str) -> Result<Function, CudaError> {
    let _distracted = distracted();
    device()?.function(image, name)
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
    let _distracted = distracted();
    // SAFETY: this function's `# Safety` section is that of `Launcher::launch`, which the device implements.
    unsafe { device()?.launch(function, launch, stream)? };
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

#[test]
fn each_image_that_lacks_a_kernel_is_named() {
    let Some(gpu) = chosen() else {
        return;
    };
    let why = function(Image::Rotary, "phasor_none")
        .unwrap_err()
        .to_string();
    let start = "the CUDA kernel `phasor_none` cannot be loaded: ";
    assert!(why.starts_with(start), "{why}");
    let capability = gpu.capability().unwrap();
    for (needed, name) in [
        (75, "PTX for 7.5 and newer: it has no such kernel"),
        (80, "PTX for 8.0 and newer: it has no such kernel"),
    ] {
        assert_eq!(why.contains(name), capability >= needed, "{why}");
    }
}

#[test]
fn a_device_that_is_not_there_is_named() {
    if chosen().is_none() {
        return;
    }
    let why = Driver::get().unwrap().device(1000).err().unwrap();
    let start = "CUDA device 1000 cannot be used: the driver has ";
    assert!(why.to_string().starts_with(start), "{why}");
}

/// The other tests, in processes that take the emulated driver for NVIDIA's: a current one and an old one, either device, streams
/// and none.
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
    for (folder, device, other) in choices {
        let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
        tests.env("LD_LIBRARY_PATH", folder).env(DEVICE, device);
        if other {
            tests.env(EXACT, "1").env(DEFAULT_STREAM, "1");
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
