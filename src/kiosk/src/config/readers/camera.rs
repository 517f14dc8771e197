//! The blocks of cameras: frames of a program, or of a device that is attached.

use vision::{Format, Layout, MAX_SIDE_PX, MIN_SIDE_PX, Pixels};

use super::{Block, Fault, UsbMatch};

/// The most pixels of a camera's frame: that of most cameras' largest.
const FRAME_PIXELS_MAX: usize = 4_000 * 3_000;
/// The most bytes by which a camera's rows are padded.
const STRIDE_PAD_MAX: usize = 4_096;
/// The largest frames that are asked of a camera unless told otherwise: they read a badge at arm's length.
const SIZE_MAX_DEFAULT: (u32, u32) = (1_280, 720);
/// Longest name of a camera, in bytes: the kernel keeps no more.
const CARD_BYTES_MAX: usize = 32;

/// A camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraConfig {
    /// Where its frames come from.
    pub source: CameraSource,
    /// What is read.
    pub formats: Vec<Format>,
}

/// Where a camera's frames come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraSource {
    /// A program writes them to its standard output.
    Command(CommandCamera),
    /// The kernel has them.
    Video(VideoCamera),
}

/// A program that writes frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandCamera {
    /// The program and its arguments. Never empty.
    pub command: Vec<String>,
    /// How its frames lie.
    pub layout: Layout,
}

/// A camera that the kernel knows, by what stays the same about it. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoCamera {
    /// Which USB device; `None` also for cameras that are none.
    pub usb: Option<UsbMatch>,
    /// What its driver calls it.
    pub card: Option<String>,
    /// The widest and the highest frames that are asked of it, in pixels.
    pub size_max: (u32, u32),
}

impl VideoCamera {
    /// In words, for people.
    pub fn words(&self) -> String {
        let usb = self.usb.as_ref().map(|usb| format!("USB {}", usb.words()));
        let card = self.card.as_ref();
        let card = card.map(|card| format!("called \"{}\"", card.escape_debug()));
        usb.into_iter().chain(card).collect::<Vec<_>>().join(" ")
    }

    /// Whether one device could answer to both.
    fn may_be_same(&self, other: &Self) -> bool {
        let usb = self.usb.as_ref().zip(other.usb.as_ref());
        let card = self.card.as_ref().zip(other.card.as_ref());
        usb.is_none_or(|(a, b)| a.may_be_same(b)) && card.is_none_or(|(a, b)| a == b)
    }
}

impl CameraConfig {
    /// Whether both could be one camera.
    pub(super) fn may_be_same(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (CameraSource::Command(a), CameraSource::Command(b)) => a.command == b.command,
            (CameraSource::Video(a), CameraSource::Video(b)) => a.may_be_same(b),
            (CameraSource::Command(_), CameraSource::Video(_))
            | (CameraSource::Video(_), CameraSource::Command(_)) => false,
        }
    }

    /// How it is found, where that is by USB.
    pub(super) fn usb(&self) -> Option<&UsbMatch> {
        match &self.source {
            CameraSource::Command(_) => None,
            CameraSource::Video(video) => video.usb.as_ref(),
        }
    }

    /// The same to be changed.
    pub(super) fn usb_mut(&mut self) -> Option<&mut UsbMatch> {
        match &mut self.source {
            CameraSource::Command(_) => None,
            CameraSource::Video(video) => video.usb.as_mut(),
        }
    }
}

impl Block<'_> {
    pub(super) fn camera(&self) -> Result<CameraConfig, Fault> {
        let written = self.written;
        self.refuse(&[
            ("aim", written.aim.is_some()),
            ("path", written.path.is_some()),
            ("terminator", written.terminator.is_some()),
            ("idle_ms", written.idle_ms.is_some()),
            ("layout", written.layout.is_some()),
            ("keyboard", written.keyboard.is_some()),
        ])?;
        self.refuse(&written.of_serial())?;
        let usb = self.usb()?;
        let card = self.card()?;
        let source = match (&written.command, usb, card) {
            (Some(command), None, None) => CameraSource::Command(self.program(command)?),
            (Some(_), ..) => {
                return Err(
                    self.fault("has `command` and names a device as well; choose one of them")
                );
            }
            (None, None, None) => {
                return Err(self.fault(
                    "needs `vendor` and `product`, or `card`, or `any = true`; or `command`, the program that writes frames",
                ));
            }
            (None, usb, card) => CameraSource::Video(VideoCamera {
                usb,
                card,
                size_max: self.size_max()?,
            }),
        };
        Ok(CameraConfig {
            source,
            formats: self.formats()?,
        })
    }

    fn card(&self) -> Result<Option<String>, Fault> {
        let card = self.written.card.as_ref();
        if card.is_some_and(|card| card.is_empty() || card.len() > CARD_BYTES_MAX) {
            return Err(self.fault(format!(
                "`card` is what the camera's driver calls it, 1 to {CARD_BYTES_MAX} bytes; rollcall-kiosk doctor shows it"
            )));
        }
        Ok(card.cloned())
    }

    fn program(&self, command: &[String]) -> Result<CommandCamera, Fault> {
        if command.first().is_none_or(String::is_empty) {
            return Err(
                self.fault("needs `command`, the program that writes frames and its arguments")
            );
        }
        let (Some(width), Some(height)) = (self.written.width, self.written.height) else {
            return Err(self.fault("needs `width` and `height` of the frames, in pixels"));
        };
        self.check_size(width, height)?;
        let pixels = self.pixels()?;
        let row_bytes = pixels.row_bytes(width);
        let stride = self.written.stride.unwrap_or(row_bytes);
        let has_rows = pixels != Pixels::Mjpeg;
        if !has_rows && self.written.stride.is_some() {
            return Err(self.fault("`stride` means nothing for JPEGs; remove it"));
        }
        if stride < row_bytes
            || stride > row_bytes + STRIDE_PAD_MAX
            || (pixels == Pixels::Yuyv && stride % 2 == 1)
        {
            return Err(self.fault(format!(
                "`stride` is the bytes of a row, {row_bytes} here and some more where rows are padded"
            )));
        }
        Ok(CommandCamera {
            command: command.to_vec(),
            layout: Layout {
                pixels,
                width,
                height,
                stride,
            },
        })
    }

    fn pixels(&self) -> Result<Pixels, Fault> {
        let Some(word) = &self.written.pixels else {
            return Ok(Pixels::Yuv420);
        };
        Pixels::of_word(word).ok_or_else(|| {
            let known = Pixels::ALL.map(Pixels::word).join(", ");
            self.fault(format!("`pixels`: there is no `{word}`; there are {known}"))
        })
    }

    /// The largest frames that are asked of a device; how its bytes lie is asked of it as well.
    fn size_max(&self) -> Result<(u32, u32), Fault> {
        let written = self.written;
        let foreign = [
            ("stride", written.stride.is_some()),
            ("pixels", written.pixels.is_some()),
        ];
        if let Some((key, _)) = foreign.iter().find(|(_, written)| *written) {
            return Err(self.fault(format!(
                "`{key}` means nothing without `command`: the camera's driver says it; remove it"
            )));
        }
        match (written.width, written.height) {
            (None, None) => Ok(SIZE_MAX_DEFAULT),
            (Some(width), Some(height)) => {
                self.check_size(width, height)?;
                // They were checked to be far smaller.
                let side = |side| u32::try_from(side).unwrap_or(u32::MAX);
                Ok((side(width), side(height)))
            }
            _ => Err(self.fault("`width` and `height` go together; write both or neither")),
        }
    }

    fn check_size(&self, width: usize, height: usize) -> Result<(), Fault> {
        let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
        if sides.contains(&width) && sides.contains(&height) && width * height <= FRAME_PIXELS_MAX {
            return Ok(());
        }
        Err(self.fault(format!(
            "`width` and `height` are {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels, {FRAME_PIXELS_MAX} together at most"
        )))
    }

    fn formats(&self) -> Result<Vec<Format>, Fault> {
        let Some(words) = &self.written.formats else {
            return Ok(vec![Format::Qr]);
        };
        let known = Format::ALL.map(Format::word).join(", ");
        let of_word = |word: &String| {
            Format::of_word(word).ok_or_else(|| {
                self.fault(format!(
                    "`formats`: there is no `{word}`; there are {known}"
                ))
            })
        };
        let formats: Vec<Format> = words.iter().map(of_word).collect::<Result<_, _>>()?;
        if formats.is_empty() {
            return Err(self.fault(format!("`formats` names none; there are {known}")));
        }
        Ok(formats)
    }
}
