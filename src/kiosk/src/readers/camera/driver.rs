//! What is asked of a camera's driver: its modes, one of them set, and its frames.
//!
//! Frames come by nokhwa where it can say the mode: YUYV, NV12 and JPEG at whole rates. It goes by lists of sizes, knows no grey and no
//! fractions, and tells neither a row's bytes nor how a driver changed what it was asked. So the few questions before (modes, sizes in steps,
//! the mode as set, the stride) go to `v4l`, the crate beneath nokhwa; frames that nokhwa cannot say come from there as well.
//!
//! Everything here may block in the driver, and both crates panic over drivers that answer strangely: call it on a thread of its own.

use std::io;
use std::time::Duration;

use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
    Resolution,
};
use v4l::buffer::Type;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::traits::CaptureStream;
use v4l::prelude::MmapStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC, Fraction};
use vision::{Layout, Pixels};

use super::modes::{self, Interval, Mode, Sizes, Steps};
use super::nodes::Node;
use super::video::Grab;
use super::{FRAME_MS_MAX, Loss, LossKind};

/// The most modes that are asked for: cameras offer some dozens.
const MODES_MAX: usize = 256;

/// How the kernel names layouts, where they can be read.
const CODES: [(&[u8; 4], Pixels); 6] = [
    (b"GREY", Pixels::Grey),
    (b"NV12", Pixels::Nv12),
    (b"YU12", Pixels::Yuv420),
    (b"YUYV", Pixels::Yuyv),
    (b"MJPG", Pixels::Mjpeg),
    (b"JPEG", Pixels::Mjpeg),
];

/// The modes of a camera that can be read: of each layout its sizes, each with the rate that would be taken.
pub(in crate::readers) fn modes(node: &Node, wanted: (u32, u32)) -> Result<Vec<Mode>, Loss> {
    let device = open(node)?;
    Ok(offers(&device, wanted)
        .into_iter()
        .map(|(mode, _)| mode)
        .collect())
}

fn open(node: &Node) -> Result<Device, Loss> {
    let index = usize::try_from(node.index).unwrap_or(usize::MAX);
    Device::new(index).map_err(|error| loss(node, &error))
}

fn loss(node: &Node, error: &io::Error) -> Loss {
    let path = node.path().display().to_string();
    if !node.is_there() {
        return Loss::of_io(&io::ErrorKind::BrokenPipe.into(), &path);
    }
    match error.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO) => Loss::of_io(&io::ErrorKind::BrokenPipe.into(), &path),
        _ => Loss::of_io(error, &path),
    }
}

fn offers(device: &Device, wanted: (u32, u32)) -> Vec<(Mode, FourCC)> {
    let formats = device.enum_formats().unwrap_or_default();
    let readable = formats.iter().filter_map(|format| {
        let known = CODES.iter().find(|(code, _)| **code == format.fourcc.repr);
        known.map(|(_, pixels)| (format.fourcc, *pixels))
    });
    readable
        .flat_map(|(code, pixels)| {
            let sizes = device.enum_framesizes(code).unwrap_or_default();
            sizes.into_iter().map(move |offered| {
                let (width, height) = modes::size(sizes_of(&offered.size), wanted);
                let interval = modes::interval(&intervals(device, code, width, height));
                let mode = Mode {
                    pixels,
                    width,
                    height,
                    interval,
                };
                (mode, code)
            })
        })
        .take(MODES_MAX)
        .collect()
}

fn sizes_of(offered: &FrameSizeEnum) -> Sizes {
    match offered {
        FrameSizeEnum::Discrete(one) => Sizes::One {
            width: one.width,
            height: one.height,
        },
        FrameSizeEnum::Stepwise(all) => Sizes::Steps {
            width: Steps {
                min: all.min_width,
                max: all.max_width,
                step: all.step_width,
            },
            height: Steps {
                min: all.min_height,
                max: all.max_height,
                step: all.step_height,
            },
        },
    }
}

/// Of intervals in steps, the ends and the one that is wanted.
fn intervals(device: &Device, code: FourCC, width: u32, height: u32) -> Vec<Interval> {
    let offered = device
        .enum_frameintervals(code, width, height)
        .unwrap_or_default();
    let interval = |fraction: Fraction| Interval {
        numerator: fraction.numerator,
        denominator: fraction.denominator,
    };
    offered
        .iter()
        .flat_map(|offered| match &offered.interval {
            FrameIntervalEnum::Discrete(one) => vec![interval(*one)],
            FrameIntervalEnum::Stepwise(all) => {
                modes::between(interval(all.min), interval(all.max))
            }
        })
        .collect()
}

/// A camera whose frames can be had. Dropping it closes the camera.
pub(super) struct Capturing {
    stream: Stream,
    /// How its frames lie, as the driver set it.
    layout: Layout,
    /// Camera and mode, for people.
    name: String,
    node: Node,
}

enum Stream {
    Nokhwa(nokhwa::Camera),
    Direct(MmapStream<'static>),
}

/// A mode as the driver set it.
struct Set {
    mode: Mode,
    layout: Layout,
}

impl Capturing {
    /// Opens a camera in the best of its modes.
    pub(super) fn start(node: Node, wanted: (u32, u32)) -> Result<Self, Loss> {
        // Closed again before frames are asked for: a driver hears one at a time.
        let set = choose_and_set(&open(&node)?, &node, wanted)?;
        let (stream, set, way) = match by_nokhwa(&node, &set.mode) {
            Ok(camera) => (Stream::Nokhwa(camera), set, "nokhwa"),
            Err(why) => {
                tracing::debug!(%why, "not by nokhwa");
                let device = open(&node)?;
                let set = choose_and_set(&device, &node, wanted)?;
                let mut stream = MmapStream::new(&device, Type::VideoCapture)
                    .map_err(|error| loss(&node, &error))?;
                stream.set_timeout(Duration::from_millis(FRAME_MS_MAX));
                (Stream::Direct(stream), set, "v4l")
            }
        };
        let name = format!(
            "{} ({}, {}, {way})",
            node.card.escape_debug(),
            node.path().display(),
            set.mode
        );
        tracing::info!(camera = name, "capture");
        Ok(Self {
            stream,
            layout: set.layout,
            name,
            node,
        })
    }
}

impl Grab for Capturing {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    /// By nokhwa there is no end to the wait but an interruption; otherwise a camera that stalls is lost, and closed.
    fn next(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Loss> {
        match &mut self.stream {
            Stream::Nokhwa(camera) => match camera.frame_raw() {
                Ok(bytes) => take(&bytes),
                Err(error) => {
                    let kind = match self.node.is_there() {
                        true => LossKind::Failed,
                        false => LossKind::Unplugged,
                    };
                    return Err(Loss::new(kind, format!("{}: {error}", self.name)));
                }
            },
            Stream::Direct(stream) => match CaptureStream::next(stream) {
                Ok((bytes, meta)) => {
                    let used = usize::try_from(meta.bytesused).unwrap_or(usize::MAX);
                    take(&bytes[..used.min(bytes.len())]);
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(Loss::stalled(&self.name, FRAME_MS_MAX));
                }
                Err(error) => return Err(loss(&self.node, &error)),
            },
        }
        Ok(())
    }
}

fn choose_and_set(device: &Device, node: &Node, wanted: (u32, u32)) -> Result<Set, Loss> {
    let path = node.path();
    let offers = offers(device, wanted);
    let modes: Vec<Mode> = offers.iter().map(|(mode, _)| *mode).collect();
    let chosen = modes::choose(&modes, wanted)
        .and_then(|mode| offers.iter().find(|(offered, _)| *offered == mode));
    let Some((mode, code)) = chosen else {
        let detail = format!(
            "{} gives no pictures that can be read: no grey, NV12, YUYV or JPEG; is it a camera?",
            path.display()
        );
        return Err(Loss::new(LossKind::Failed, detail));
    };
    let asked = Format::new(mode.width, mode.height, *code);
    let format = device
        .set_format(&asked)
        .map_err(|error| loss(node, &error))?;
    if format.fourcc != *code {
        let detail = format!("{} was set to {mode} and is not", path.display());
        return Err(Loss::new(LossKind::Failed, detail));
    }
    if let Some(interval) = mode.interval {
        let interval = Fraction::new(interval.numerator, interval.denominator);
        // A driver that keeps its own rate says so, and tells it next.
        let _ = device.set_params(&Parameters::new(interval));
    }
    let interval = device.params().ok().map(|params| Interval {
        numerator: params.interval.numerator,
        denominator: params.interval.denominator,
    });
    let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
    let (width, height) = (side(format.width), side(format.height));
    let layout = Layout {
        pixels: mode.pixels,
        width,
        height,
        stride: side(format.stride).max(mode.pixels.row_bytes(width.min(vision::MAX_SIDE_PX))),
    };
    if !layout.is_sound() {
        let detail = format!(
            "{} gives frames of {width} by {height} pixels",
            path.display()
        );
        return Err(Loss::new(LossKind::Failed, detail));
    }
    let mode = Mode {
        width: format.width,
        height: format.height,
        interval,
        ..*mode
    };
    Ok(Set { mode, layout })
}

/// A camera whose mode is set already, by nokhwa.
fn by_nokhwa(node: &Node, mode: &Mode) -> Result<nokhwa::Camera, String> {
    let format = match mode.pixels {
        Pixels::Yuyv => FrameFormat::YUYV,
        Pixels::Nv12 => FrameFormat::NV12,
        Pixels::Mjpeg => FrameFormat::MJPEG,
        Pixels::Grey | Pixels::Yuv420 => return Err(format!("it cannot say {mode}")),
    };
    let Some(Interval {
        numerator: 1,
        denominator: rate,
    }) = mode.interval
    else {
        return Err(format!("it cannot say the rate of {mode}"));
    };
    let size = Resolution::new(mode.width, mode.height);
    let exactly = RequestedFormatType::Exact(CameraFormat::new(size, format, rate));
    let formats = [format];
    let request = RequestedFormat::with_formats(exactly, &formats);
    let index = CameraIndex::Index(node.index);
    let mut camera = nokhwa::Camera::with_backend(index, request, ApiBackend::Video4Linux)
        .map_err(|error| error.to_string())?;
    camera.open_stream().map_err(|error| error.to_string())?;
    Ok(camera)
}
