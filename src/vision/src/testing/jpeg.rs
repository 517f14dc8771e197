//! A JPEG of a picture: grey, baseline (ITU-T T.81), with one coarse step for every coefficient and codes of one length, so that both tables
//! are written down in a line each. Large, and slow to make.

use super::Picture;

/// The step of every coefficient.
const STEP: f32 = 4.0;
/// Length of the codes of sizes alone, and of runs with sizes. No code may be all ones, so neither set is full.
const DC_BITS: u32 = 4;
const AC_BITS: u32 = 8;
/// Sizes of coefficients that can be written.
const SIZES: u8 = 12;

/// Where the coefficients of a block lie in the order in which they are written: along its diagonals, to and fro.
fn zigzag() -> Vec<usize> {
    let mut order: Vec<usize> = (0..64).collect();
    order.sort_by_key(|at| {
        let (down, across) = (at / 8, at % 8);
        let diagonal = down + across;
        (diagonal, if diagonal % 2 == 0 { across } else { down })
    });
    order
}

/// Every run of zeros with every size, in the order of their codes.
fn runs_with_sizes() -> impl Iterator<Item = u8> {
    let pairs = (0..16_u8).flat_map(|run| (0..=10_u8).map(move |size| run << 4 | size));
    pairs.filter(|pair| pair & 15 > 0 || *pair == 0 || *pair == 0xf0)
}

struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        self.held = self.held << count | bits & ((1 << count) - 1);
        self.count += count;
        while self.count >= 8 {
            let byte = (self.held >> (self.count - 8)) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
            self.count -= 8;
        }
    }

    /// A coefficient's bits: negative ones are one less than they are, cut to their size.
    fn put_value(&mut self, value: i32, size: u32) {
        self.put((value - i32::from(value < 0)) as u32, size);
    }
}

fn size_of(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

pub(super) fn encode(picture: &Picture) -> Vec<u8> {
    let (width, height) = (picture.width as u16, picture.height as u16);
    let mut bytes = vec![0xff, 0xd8];
    segment(&mut bytes, 0xdb, &[&[0][..], &[STEP as u8; 64]].concat());
    let [high, low] = height.to_be_bytes();
    let [left, right] = width.to_be_bytes();
    let frame = [8, high, low, left, right, 1, 1, 0x11, 0];
    segment(&mut bytes, 0xc0, &frame);
    let sizes: Vec<u8> = (0..SIZES).collect();
    segment(&mut bytes, 0xc4, &table(0x00, DC_BITS, &sizes));
    let pairs: Vec<u8> = runs_with_sizes().collect();
    segment(&mut bytes, 0xc4, &table(0x10, AC_BITS, &pairs));
    segment(&mut bytes, 0xda, &[1, 1, 0, 0, 63, 0]);
    let mut bits = Bits {
        bytes,
        held: 0,
        count: 0,
    };
    let (order, waves) = (zigzag(), waves());
    let mut before = 0;
    for top in (0..picture.height).step_by(8) {
        for left in (0..picture.width).step_by(8) {
            let block = transformed(picture, (left, top), &waves);
            let block: Vec<i32> = order.iter().map(|at| block[*at]).collect();
            let change = block[0] - before;
            before = block[0];
            bits.put(size_of(change), DC_BITS);
            bits.put_value(change, size_of(change));
            put_rest(&mut bits, &block[1..], &pairs);
        }
    }
    bits.put(0x7f, 7);
    bits.bytes.extend([0xff, 0xd9]);
    bits.bytes
}

/// The coefficients after the first: runs of zeros, each with what ends it, and an end where only zeros follow.
fn put_rest(bits: &mut Bits, rest: &[i32], pairs: &[u8]) {
    let code = |bits: &mut Bits, pair: u32| {
        let at = pairs.iter().position(|known| u32::from(*known) == pair);
        bits.put(at.unwrap_or_default() as u32, AC_BITS);
    };
    let mut run = 0;
    for value in rest {
        if *value == 0 {
            run += 1;
            continue;
        }
        while run > 15 {
            code(bits, 0xf0);
            run -= 16;
        }
        code(bits, run << 4 | size_of(*value));
        bits.put_value(*value, size_of(*value));
        run = 0;
    }
    if run > 0 {
        code(bits, 0);
    }
}

fn segment(bytes: &mut Vec<u8>, marker: u8, body: &[u8]) {
    bytes.extend([0xff, marker]);
    bytes.extend((body.len() as u16 + 2).to_be_bytes());
    bytes.extend(body);
}

/// A table of codes that are all of one length.
fn table(class: u8, length: u32, symbols: &[u8]) -> Vec<u8> {
    let mut body = vec![class];
    body.extend((1..=16).map(|bits| {
        if bits == length {
            symbols.len() as u8
        } else {
            0
        }
    }));
    body.extend(symbols);
    body
}

/// The cosine of each frequency at each place, with its scale.
fn waves() -> [[f32; 8]; 8] {
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 {
            0.125_f32.sqrt()
        } else {
            0.5
        };
        std::array::from_fn(|at| {
            let turn = (2 * at + 1) as f32 * frequency as f32 * std::f32::consts::PI / 16.0;
            scale * turn.cos()
        })
    })
}

/// A block's coefficients in steps; beyond the picture its last pixels go on.
fn transformed(picture: &Picture, (left, top): (usize, usize), waves: &[[f32; 8]; 8]) -> [i32; 64] {
    let grey = |x: usize, y: usize| {
        let row = (top + y).min(picture.height - 1) * picture.width;
        f32::from(picture.pixels[row + (left + x).min(picture.width - 1)]) - 128.0
    };
    let rows: [[f32; 8]; 8] = std::array::from_fn(|y| {
        std::array::from_fn(|across| (0..8).map(|x| grey(x, y) * waves[across][x]).sum())
    });
    std::array::from_fn(|at| {
        let (down, across) = (at / 8, at % 8);
        let sum: f32 = (0..8).map(|y| rows[y][across] * waves[down][y]).sum();
        (sum / STEP).round() as i32
    })
}
