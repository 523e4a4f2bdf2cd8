//! The two icons: two speech bubbles, the bot's and the person's. In colour for the catalogue, and
//! as a white outline without a background for the bar at the side, as Teams wants them.
//!
//! Shapes are told by whether a point is inside, on a grid that is finer than either picture; the
//! share of a pixel's points that are inside is how much of it is painted.

use super::PackageError;

/// The grid's side; both pictures divide it.
const GRID: i32 = 768;

/// Points of a pixel in each direction.
const FINE: i32 = 4;

/// The sides of the pictures, in pixels: Teams takes no others.
const COLOR_SIDE: i32 = 192;
const OUTLINE_SIDE: i32 = 32;

/// Red, green, blue, and how far it covers.
type Paint = [u8; 4];

const NIGHT: Paint = [0x24, 0x50, 0x6b, 0xff];
const WHITE: Paint = [0xff, 0xff, 0xff, 0xff];
const WARM: Paint = [0xf2, 0xa6, 0x5a, 0xff];
const NOTHING: Paint = [0xff, 0xff, 0xff, 0];

/// A speech bubble: a box with round corners, and a corner that points down.
#[derive(Clone, Copy)]
struct Bubble {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
    round: i32,
    /// Where the pointing corner begins and ends at the bottom, and where it points.
    tail: [(i32, i32); 3],
}

const BOTS: Bubble = Bubble {
    left: 150,
    top: 170,
    right: 500,
    bottom: 420,
    round: 70,
    tail: [(200, 380), (330, 380), (200, 510)],
};

const PERSONS: Bubble = Bubble {
    left: 320,
    top: 350,
    right: 620,
    bottom: 560,
    round: 70,
    tail: [(450, 520), (570, 520), (570, 640)],
};

const OUTLINE: Bubble = Bubble {
    left: 60,
    top: 100,
    right: 708,
    bottom: 548,
    round: 150,
    tail: [(150, 500), (390, 500), (150, 708)],
};

/// How thick the outline is.
const LINE: i32 = 66;

/// The icon of the catalogue.
pub(super) fn color() -> Result<Vec<u8>, PackageError> {
    picture(COLOR_SIDE, |at| {
        if PERSONS.holds(at, 0) {
            WARM
        } else if !PERSONS.holds(at, 22) && BOTS.holds(at, 0) {
            WHITE
        } else {
            NIGHT
        }
    })
}

/// The icon of the bar.
pub(super) fn outline() -> Result<Vec<u8>, PackageError> {
    let dots = [270, 384, 498].map(|x| (x, 324));
    picture(OUTLINE_SIDE, |at| {
        let ring = OUTLINE.holds(at, 0) && !OUTLINE.holds(at, -LINE);
        let dot = dots.iter().any(|dot| near(at, *dot, 46));
        if ring || dot { WHITE } else { NOTHING }
    })
}

impl Bubble {
    /// Whether a point is inside the bubble, grown by so much.
    fn holds(&self, at: (i32, i32), by: i32) -> bool {
        let round = self.round + by;
        let (left, right) = (self.left - by + round, self.right + by - round);
        let (top, bottom) = (self.top - by + round, self.bottom + by - round);
        let nearest = (at.0.clamp(left, right), at.1.clamp(top, bottom));
        near(at, nearest, round) || self.in_tail(at, by)
    }

    /// The same for the pointing corner: on the inner side of each of its edges.
    fn in_tail(&self, at: (i32, i32), by: i32) -> bool {
        let [first, second, third] = self.tail;
        // The edges run clockwise, so inside is where all of them have the point on one hand. A
        // point's distance from an edge is its area over the edge's length.
        let edge = |from: (i32, i32), to: (i32, i32)| {
            let (x, y) = (i64::from(to.0 - from.0), i64::from(to.1 - from.1));
            let area = x * i64::from(at.1 - from.1) - y * i64::from(at.0 - from.0);
            let length = (x * x + y * y).isqrt();
            area + i64::from(by) * length >= 0
        };
        edge(first, second) && edge(second, third) && edge(third, first)
    }
}

fn near(at: (i32, i32), other: (i32, i32), within: i32) -> bool {
    let (x, y) = (at.0 - other.0, at.1 - other.1);
    x * x + y * y <= within * within
}

/// A PNG of so many pixels in each direction.
fn picture(side: i32, paint: impl Fn((i32, i32)) -> Paint) -> Result<Vec<u8>, PackageError> {
    let mut pixels = Vec::new();
    for y in 0..side {
        for x in 0..side {
            pixels.extend(pixel((x, y), side, &paint));
        }
    }
    let mut bytes = Vec::new();
    let side = side.unsigned_abs();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// The mean of a pixel's points; what covers more counts for more.
fn pixel((x, y): (i32, i32), side: i32, paint: &impl Fn((i32, i32)) -> Paint) -> Paint {
    let step = GRID / side / FINE;
    let mut sums = [0_u32; 4];
    for down in 0..FINE {
        for along in 0..FINE {
            let within =
                ((x * FINE + along) * step + step / 2, (y * FINE + down) * step + step / 2);
            let [red, green, blue, cover] = paint(within).map(u32::from);
            for (sum, part) in sums.iter_mut().zip([red, green, blue].map(|part| part * cover)) {
                *sum += part;
            }
            sums[3] += cover;
        }
    }
    let [red, green, blue, cover] = sums;
    if cover == 0 {
        return NOTHING;
    }
    let points = (FINE * FINE).unsigned_abs();
    // Each is a mean of bytes.
    [red / cover, green / cover, blue / cover, cover / points]
        .map(|part| u8::try_from(part).unwrap_or(u8::MAX))
}
