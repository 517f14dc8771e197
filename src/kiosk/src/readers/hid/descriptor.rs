//! Report descriptors: what a HID device says of the layout of its reports.
//!
//! Source: Device Class Definition for Human Interface Devices 1.11, sections 5.3 to 5.9 and 6.2.2. Only input reports are kept, of them
//! only where each field lies and what it stands for.
//!
//! Promises: no descriptor and no report makes it panic, loop or take more memory than a few times the descriptor's own bytes; usage ranges
//! are kept as ranges. A descriptor comes from whatever was plugged in.

use std::ops::RangeInclusive;

/// Longest descriptor the kernel hands out, in bytes.
pub(in crate::readers) const DESCRIPTOR_BYTES_MAX: usize = 4096;
/// Longest report the kernel hands out, in bytes.
pub(in crate::readers) const REPORT_BYTES_MAX: usize = 16_384;
/// Deepest nesting of saved global items.
const PUSH_MAX: usize = 16;
/// Widest field whose value is read, in bits.
const VALUE_BITS_MAX: usize = 32;

/// A usage: the page in the upper half, the id in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::readers) struct Usage(pub(in crate::readers) u32);

impl Usage {
    pub(in crate::readers) const fn new(page: u16, id: u16) -> Self {
        Self(((page as u32) << 16) | id as u32)
    }

    pub(in crate::readers) fn page(self) -> u16 {
        (self.0 >> 16) as u16
    }

    pub(in crate::readers) fn id(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}

/// Why a descriptor cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::readers) enum DescriptorError {
    #[error("the descriptor breaks off in the middle of an item")]
    BrokenOff,
    #[error("the descriptor is empty or longer than {DESCRIPTOR_BYTES_MAX} bytes")]
    Length,
    #[error("the descriptor has a report longer than {REPORT_BYTES_MAX} bytes")]
    ReportTooLong,
    #[error("the descriptor uses report id 0 or one beyond 255")]
    ReportId,
    #[error("the descriptor restores what it never saved, or saves too often")]
    Stack,
}

/// The input reports of a device.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::readers) struct Descriptor {
    reports: Vec<Report>,
    /// Reports start with their id.
    numbered: bool,
}

/// One input report.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::readers) struct Report {
    id: Option<u8>,
    fields: Vec<Field>,
    bits: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    start_bit: usize,
    size_bits: usize,
    count: usize,
    /// Each element is a control of its own; otherwise each names one of several.
    is_variable: bool,
    logical_min: i32,
    /// What the elements stand for, in order. Empty for padding.
    usages: Vec<RangeInclusive<u32>>,
}

impl Descriptor {
    /// Reads a descriptor.
    pub(in crate::readers) fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        if bytes.is_empty() || bytes.len() > DESCRIPTOR_BYTES_MAX {
            return Err(DescriptorError::Length);
        }
        let mut parser = Parser::default();
        let mut rest = bytes;
        while let Some((&prefix, after)) = rest.split_first() {
            rest = if prefix == LONG_ITEM {
                let (&length, after) = after.split_first().ok_or(DescriptorError::BrokenOff)?;
                let skipped = usize::from(length) + 1;
                after.get(skipped..).ok_or(DescriptorError::BrokenOff)?
            } else {
                let length = [0, 1, 2, 4][usize::from(prefix & 3)];
                let (value, after) = after
                    .split_at_checked(length)
                    .ok_or(DescriptorError::BrokenOff)?;
                parser.item(prefix, value)?;
                after
            };
        }
        Ok(parser.descriptor)
    }

    /// The report that `bytes`, as read from the device, are, and its bytes without the id.
    pub(in crate::readers) fn report<'a>(&self, bytes: &'a [u8]) -> Option<(&Report, &'a [u8])> {
        let (id, payload) = if self.numbered {
            let (&id, payload) = bytes.split_first()?;
            (Some(id), payload)
        } else {
            (None, bytes)
        };
        let report = self.reports.iter().find(|report| report.id == id)?;
        Some((report, payload))
    }

    /// Whether any report has a control for this.
    pub(in crate::readers) fn has(&self, usage: Usage) -> bool {
        self.usages().any(|range| range.contains(&usage.0))
    }

    /// Whether any report has a control of this page.
    pub(in crate::readers) fn has_page(&self, page: u16) -> bool {
        self.usages().any(|range| {
            (Usage(*range.start()).page()..=Usage(*range.end()).page()).contains(&page)
        })
    }

    fn usages(&self) -> impl Iterator<Item = &RangeInclusive<u32>> {
        self.reports
            .iter()
            .flat_map(|report| &report.fields)
            .flat_map(|field| &field.usages)
    }
}

impl Report {
    /// The report's id, where reports have one.
    pub(in crate::readers) fn id(&self) -> Option<u8> {
        self.id
    }

    /// The controls that are there each for itself, with their values. Ends where the payload ends.
    pub(in crate::readers) fn controls<'a>(
        &'a self,
        payload: &'a [u8],
    ) -> impl Iterator<Item = (Usage, u32)> + 'a {
        self.fields
            .iter()
            .filter(|field| field.is_variable)
            .flat_map(move |field| {
                field
                    .values(payload)
                    .zip(field.own_usages())
                    .map(|(value, usage)| (usage, value))
            })
    }

    /// The controls that the payload names as pressed, in its order.
    pub(in crate::readers) fn named<'a>(
        &'a self,
        payload: &'a [u8],
    ) -> impl Iterator<Item = Usage> + 'a {
        self.fields
            .iter()
            .filter(|field| !field.is_variable)
            .flat_map(move |field| {
                field
                    .values(payload)
                    .filter_map(|value| field.named_usage(value))
            })
    }
}

impl Field {
    /// The values of the elements that lie whole within the payload.
    fn values<'a>(&self, payload: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let (start_bit, size_bits) = (self.start_bit, self.size_bits);
        let readable = if size_bits <= VALUE_BITS_MAX {
            self.count
        } else {
            0
        };
        (0..readable)
            .map_while(move |index| bits(payload, start_bit + index * size_bits, size_bits))
    }

    /// The usage of each element; the last one stands for all that follow (section 6.2.2.8).
    fn own_usages(&self) -> impl Iterator<Item = Usage> + '_ {
        let last = self.usages.last().map(|range| Usage(*range.end()));
        self.usages
            .iter()
            .cloned()
            .flatten()
            .map(Usage)
            .chain(last.into_iter().flat_map(std::iter::repeat))
    }

    /// The usage an array element names; `None` for "nothing" and for values outside the logical range.
    fn named_usage(&self, value: u32) -> Option<Usage> {
        let index = i64::from(value) - i64::from(self.logical_min);
        let mut left = u32::try_from(index).ok()?;
        for range in &self.usages {
            let length = range.end() - range.start();
            if left <= length {
                return Some(Usage(range.start() + left));
            }
            left -= length + 1;
        }
        None
    }
}

/// `count` bits from `start` on, least significant first; `None` if they are not all there.
fn bits(bytes: &[u8], start: usize, count: usize) -> Option<u32> {
    if start + count > bytes.len() * 8 {
        return None;
    }
    Some((0..count).fold(0, |value, index| {
        let at = start + index;
        let bit = u32::from(bytes[at / 8] >> (at % 8) & 1);
        value | bit << index
    }))
}

const LONG_ITEM: u8 = 0xfe;
// Tag and type of the short items that matter here; section 6.2.2.
const INPUT: u8 = 0x80;
const USAGE_PAGE: u8 = 0x04;
const LOGICAL_MIN: u8 = 0x14;
const REPORT_SIZE: u8 = 0x74;
const REPORT_ID: u8 = 0x84;
const REPORT_COUNT: u8 = 0x94;
const PUSH: u8 = 0xa4;
const POP: u8 = 0xb4;
const USAGE: u8 = 0x08;
const USAGE_MIN: u8 = 0x18;
const USAGE_MAX: u8 = 0x28;
/// The bits of a prefix that tell its type; the type of main items is 0.
const TYPE_BITS: u8 = 0x0c;
// Flags of an input item; section 6.2.2.5.
const IS_CONSTANT: u32 = 1;
const IS_VARIABLE: u32 = 2;

#[derive(Debug, Default, Clone, Copy)]
struct Globals {
    page: u16,
    logical_min: i32,
    report_size: u32,
    report_count: u32,
    report_id: Option<u8>,
}

/// A usage as written: with a page of its own if it was written with four bytes.
#[derive(Debug, Clone, Copy)]
struct WrittenUsage {
    page: Option<u16>,
    id: u16,
}

impl WrittenUsage {
    fn read(value: u32, length: usize) -> Self {
        Self {
            page: (length == 4).then_some((value >> 16) as u16),
            id: (value & 0xffff) as u16,
        }
    }

    fn on(self, page: u16) -> u32 {
        Usage::new(self.page.unwrap_or(page), self.id).0
    }
}

#[derive(Debug, Default)]
struct Parser {
    descriptor: Descriptor,
    globals: Globals,
    saved: Vec<Globals>,
    usages: Vec<(WrittenUsage, WrittenUsage)>,
    usage_min: Option<WrittenUsage>,
    usage_max: Option<WrittenUsage>,
}

impl Parser {
    fn item(&mut self, prefix: u8, data: &[u8]) -> Result<(), DescriptorError> {
        let value = data
            .iter()
            .rev()
            .fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        match prefix & 0xfc {
            INPUT => self.input(value)?,
            USAGE_PAGE => self.globals.page = (value & 0xffff) as u16,
            LOGICAL_MIN => self.globals.logical_min = signed(data),
            REPORT_SIZE => self.globals.report_size = value,
            REPORT_COUNT => self.globals.report_count = value,
            REPORT_ID => {
                let id = u8::try_from(value).ok().filter(|id| *id != 0);
                self.globals.report_id = Some(id.ok_or(DescriptorError::ReportId)?);
                self.descriptor.numbered = true;
            }
            PUSH if self.saved.len() < PUSH_MAX => self.saved.push(self.globals),
            PUSH => return Err(DescriptorError::Stack),
            POP => self.globals = self.saved.pop().ok_or(DescriptorError::Stack)?,
            USAGE => {
                let usage = WrittenUsage::read(value, data.len());
                self.usages.push((usage, usage));
            }
            USAGE_MIN => {
                self.usage_min = Some(WrittenUsage::read(value, data.len()));
                self.pair_range();
            }
            USAGE_MAX => {
                self.usage_max = Some(WrittenUsage::read(value, data.len()));
                self.pair_range();
            }
            _ => {}
        }
        if prefix & TYPE_BITS == 0 {
            // Local items hold up to the next main item.
            self.usages.clear();
            self.usage_min = None;
            self.usage_max = None;
        }
        Ok(())
    }

    fn pair_range(&mut self) {
        if let (Some(min), Some(max)) = (self.usage_min, self.usage_max) {
            self.usages.push((min, max));
            self.usage_min = None;
            self.usage_max = None;
        }
    }

    fn input(&mut self, flags: u32) -> Result<(), DescriptorError> {
        let globals = self.globals;
        let too_long = DescriptorError::ReportTooLong;
        let size_bits = usize::try_from(globals.report_size).map_err(|_| too_long)?;
        let count = usize::try_from(globals.report_count).map_err(|_| too_long)?;
        let length = size_bits.checked_mul(count).ok_or(too_long)?;
        if length == 0 {
            return Ok(());
        }
        let page = globals.page;
        let usages = if flags & IS_CONSTANT == 0 {
            self.usages
                .iter()
                .map(|(first, last)| first.on(page)..=last.on(page))
                .filter(|range| !range.is_empty())
                .collect()
        } else {
            Vec::new()
        };
        let report = self.report_of(globals.report_id);
        let end = report.bits.checked_add(length).ok_or(too_long)?;
        if end > REPORT_BYTES_MAX * 8 {
            return Err(too_long);
        }
        report.fields.push(Field {
            start_bit: report.bits,
            size_bits,
            count,
            is_variable: flags & IS_VARIABLE != 0,
            logical_min: globals.logical_min,
            usages,
        });
        report.bits = end;
        Ok(())
    }

    fn report_of(&mut self, id: Option<u8>) -> &mut Report {
        let reports = &mut self.descriptor.reports;
        let index = reports.iter().position(|report| report.id == id);
        let index = index.unwrap_or_else(|| {
            reports.push(Report {
                id,
                fields: Vec::new(),
                bits: 0,
            });
            reports.len() - 1
        });
        &mut reports[index]
    }
}

/// An item's data as a signed number of its own width.
fn signed(data: &[u8]) -> i32 {
    match *data {
        [a] => i32::from(i8::from_le_bytes([a])),
        [a, b] => i32::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hidreport::{Field as TheirField, Report as _, ReportDescriptor};
    use proptest::prelude::*;

    use super::super::samples;
    use super::*;

    /// One element: report, first bit within the report without its id, bits, first usage.
    type Element = (Option<u8>, usize, usize, u32);

    fn ours(bytes: &[u8]) -> Vec<Element> {
        let descriptor = Descriptor::parse(bytes).unwrap();
        let mut elements = Vec::new();
        for report in &descriptor.reports {
            for field in &report.fields {
                let usages = field.own_usages().take(field.count);
                for (index, usage) in usages.enumerate() {
                    let start = field.start_bit + index * field.size_bits;
                    elements.push((report.id, start, field.size_bits, usage.0));
                }
            }
        }
        elements
    }

    /// The same by another implementation.
    fn theirs(bytes: &[u8]) -> Vec<Element> {
        let descriptor = ReportDescriptor::try_from(bytes).unwrap();
        let mut elements = Vec::new();
        for report in descriptor.input_reports() {
            let id = report.report_id().as_ref().map(|id| u8::from(*id));
            let id_bits = if id.is_some() { 8 } else { 0 };
            for field in report.fields() {
                match field {
                    TheirField::Variable(field) => {
                        let (bits, usage) = (&field.bits, u32::from(field.usage));
                        elements.push((id, bits.start - id_bits, bits.len(), usage));
                    }
                    TheirField::Array(field) => {
                        let count = usize::from(field.report_count);
                        let size = field.bits.len() / count;
                        let usages = field.usages();
                        for index in 0..count {
                            let start = field.bits.start - id_bits + index * size;
                            let usage = usages.get(index).or(usages.last()).unwrap();
                            elements.push((id, start, size, u32::from(*usage)));
                        }
                    }
                    TheirField::Constant(_) => {}
                }
            }
        }
        elements
    }

    #[test]
    fn another_implementation_finds_every_field_at_the_same_place() {
        for (name, bytes) in samples::ALL {
            let found = ours(bytes);
            assert!(!found.is_empty(), "{name}");
            assert_eq!(found, theirs(bytes), "{name}");
        }
    }

    #[test]
    fn a_bit_field_is_read_least_significant_first() {
        let bytes = [0b1100_1010, 0b1011_1001];
        assert_eq!(bits(&bytes, 0, 8), Some(0b1100_1010));
        assert_eq!(bits(&bytes, 4, 8), Some(0b1001_1100));
        assert_eq!(bits(&bytes, 9, 7), Some(0b101_1100));
        assert_eq!(bits(&bytes, 9, 8), None);
    }

    #[test]
    fn bad_descriptors_are_refused() {
        use DescriptorError as E;
        for (bytes, error) in [
            (&[][..], E::Length),
            (&[0; DESCRIPTOR_BYTES_MAX + 1], E::Length),
            (&[0x26, 0xff], E::BrokenOff),
            (&[0xfe], E::BrokenOff),
            (&[0xfe, 2, 0, 0], E::BrokenOff),
            (&[0x85, 0], E::ReportId),
            (&[0x86, 0, 1], E::ReportId),
            (&[0xb4], E::Stack),
            (&[0xa4; PUSH_MAX + 1], E::Stack),
            // Report size and count of 2^32 - 1.
            (
                &[
                    0x77, 0xff, 0xff, 0xff, 0xff, 0x97, 0xff, 0xff, 0xff, 0xff, 0x81, 2,
                ],
                E::ReportTooLong,
            ),
        ] {
            assert_eq!(Descriptor::parse(bytes).unwrap_err(), error, "{bytes:?}");
        }
    }

    #[test]
    fn a_range_of_all_usages_costs_nothing() {
        // Usages 0 to 2^32 - 1, four elements of one byte, array.
        let bytes = [
            0x1b, 0, 0, 0, 0, 0x2b, 0xff, 0xff, 0xff, 0xff, 0x75, 8, 0x95, 4, 0x81, 0,
        ];
        let descriptor = Descriptor::parse(&bytes).unwrap();
        let (report, payload) = descriptor.report(&[1, 2, 0xff, 4]).unwrap();
        let named: Vec<u32> = report.named(payload).map(|usage| usage.0).collect();
        assert_eq!(named, [1, 2, 0xff, 4]);
    }

    proptest! {
        #[test]
        fn no_descriptor_and_no_report_makes_it_panic(
            descriptor in prop::collection::vec(any::<u8>(), 1..200),
            report in prop::collection::vec(any::<u8>(), 0..70),
        ) {
            if let Ok(descriptor) = Descriptor::parse(&descriptor)
                && let Some((found, payload)) = descriptor.report(&report)
            {
                prop_assert!(found.controls(payload).count() <= payload.len() * 8 * found.fields.len());
                prop_assert!(found.named(payload).count() <= payload.len() * 8 * found.fields.len());
            }
        }

        #[test]
        fn nearly_right_descriptors_never_panic(
            at in any::<prop::sample::Index>(),
            to in any::<u8>(),
            which in any::<prop::sample::Index>(),
            report in prop::collection::vec(any::<u8>(), 0..70),
        ) {
            let (_, bytes) = which.get(&samples::ALL);
            let mut bytes = bytes.to_vec();
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(descriptor) = Descriptor::parse(&bytes)
                && let Some((found, payload)) = descriptor.report(&report)
            {
                let _ = found.controls(payload).count() + found.named(payload).count();
            }
        }
    }
}
