//! Draws block and line characters as shapes, because fonts leave gaps between them.

use std::fmt::Write as _;

/// A character drawn as a shape instead of text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Filled from below, in eighths of the height.
    Block(u8),
    /// A horizontal line of the given thickness.
    Across(f64),
    /// A thick line on the left half, a thin one on the right.
    Thinning,
    /// A vertical line.
    Down,
    /// A dotted vertical line.
    Dotted,
    /// A rounded corner, with whether its lines lead left and up.
    Corner { left: bool, top: bool },
}

/// Left, top, width, and height in pixels.
type PixelRect = (f64, f64, f64, f64);

/// Line thicknesses in pixels.
const THIN: f64 = 1.2;
const THICK: f64 = 2.4;

impl Shape {
    pub(super) fn of(symbol: &str) -> Option<Self> {
        let mut chars = symbol.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { return None };
        Some(match c {
            '▁'..='█' => Self::Block(u8::try_from(u32::from(c) - u32::from('▁') + 1).ok()?),
            '─' => Self::Across(THIN),
            '━' => Self::Across(THICK),
            '╾' => Self::Thinning,
            '│' => Self::Down,
            '┊' => Self::Dotted,
            '╭' => Self::Corner { left: false, top: false },
            '╮' => Self::Corner { left: true, top: false },
            '╰' => Self::Corner { left: false, top: true },
            '╯' => Self::Corner { left: true, top: true },
            _ => return None,
        })
    }

    /// Whether adjacent shapes of this kind form one longer shape.
    pub(super) fn joins(self) -> bool {
        matches!(self, Self::Block(_) | Self::Across(_))
    }

    /// Draws the shape; the rectangle may be several cells wide.
    pub(super) fn write(self, out: &mut String, (left, top, wide, high): PixelRect, colour: &str) {
        let (middle_x, middle_y) = (left + wide / 2.0, top + high / 2.0);
        match self {
            Self::Block(eighths) => {
                let filled = high * f64::from(eighths) / 8.0;
                rect(out, (left, top + high - filled, wide, filled), colour);
            }
            Self::Across(thick) => rect(out, (left, middle_y - thick / 2.0, wide, thick), colour),
            Self::Thinning => {
                rect(out, (left, middle_y - THICK / 2.0, wide / 2.0, THICK), colour);
                rect(out, (middle_x, middle_y - THIN / 2.0, wide / 2.0, THIN), colour);
            }
            Self::Down => rect(out, (middle_x - THIN / 2.0, top, THIN, high), colour),
            Self::Dotted => {
                line(out, &format!("M{middle_x:.1} {top:.1}v{high:.1}"), " stroke-dasharray=\"2 2.5\"", colour);
            }
            Self::Corner { left: to_left, top: to_top } => {
                let side = if to_left { left } else { left + wide };
                let end = if to_top { top } else { top + high };
                let path = format!("M{side:.1} {middle_y:.1}Q{middle_x:.1} {middle_y:.1} {middle_x:.1} {end:.1}");
                line(out, &path, "", colour);
            }
        }
    }
}

fn line(out: &mut String, path: &str, more: &str, colour: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{THIN}\"{more}/>");
}

/// Draws a filled rectangle.
pub(super) fn rect(out: &mut String, (left, top, wide, high): PixelRect, colour: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<rect x=\"{left:.1}\" y=\"{top:.2}\" width=\"{wide:.1}\" height=\"{high:.2}\" fill=\"{colour}\"/>"
    );
}
