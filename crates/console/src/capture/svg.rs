//! Frames as SVG pictures.

mod shape;

use std::fmt::Write as _;

use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::cells;
use crate::{number, text::width, theme::Theme};

use shape::{Shape, rect};

/// Width and height of a cell in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
/// Font size in pixels.
const FONT_SIZE: f64 = 14.0;
/// Distance of the text baseline from the top of a cell, in pixels.
const BASELINE: f64 = 13.6;
/// Margin around the frame, in pixels.
const MARGIN: f64 = 12.0;

/// A frame as an SVG picture that needs nothing else. Colours that the theme leaves to the terminal become light on
/// dark.
#[must_use]
pub fn svg(buffer: &Buffer, theme: &Theme) -> String {
    let defaults = DefaultColours {
        fg: hex(theme.base.fg.unwrap_or(Color::Reset), "#c8d0dc"),
        bg: hex(theme.base.bg.unwrap_or(Color::Reset), "#10151c"),
    };
    let wide = f64::from(buffer.area.width) * CELL.0 + 2.0 * MARGIN;
    let high = f64::from(buffer.area.height) * CELL.1 + 2.0 * MARGIN;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.1} {high:.1}\" width=\"{wide:.0}\" height=\"{high:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"{FONT_SIZE}\">"
    );
    // Prevents visible seams between adjacent blocks.
    out.push_str("<style>rect{shape-rendering:crispEdges}</style>\n");
    let _ = writeln!(out, "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>", defaults.bg);
    for y in buffer.area.top()..buffer.area.bottom() {
        let top = MARGIN + f64::from(y) * CELL.1;
        for run in runs(buffer, y, &defaults) {
            run.write(&mut out, top, &defaults);
        }
    }
    out.push_str("</svg>\n");
    out
}

struct DefaultColours {
    fg: String,
    bg: String,
}

/// Adjacent cells of the same style.
struct Run {
    x: u16,
    cells: u16,
    text: String,
    style: CellStyle,
}

#[derive(Clone, PartialEq)]
struct CellStyle {
    fg: String,
    bg: String,
    modifiers: Modifier,
    shape: Option<Shape>,
}

fn runs(buffer: &Buffer, y: u16, defaults: &DefaultColours) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (x, cell) in cells(buffer, y) {
        let style = CellStyle::of(cell, defaults);
        let wide = cell_count(cell.symbol()).max(1);
        match runs.last_mut() {
            Some(last) if last.style == style && style.shape.is_none_or(Shape::joins) => {
                last.cells += wide;
                last.text.push_str(cell.symbol());
            }
            _ => runs.push(Run { x, cells: wide, text: cell.symbol().to_owned(), style }),
        }
    }
    runs
}

impl CellStyle {
    fn of(cell: &Cell, defaults: &DefaultColours) -> Self {
        let (fg, bg) = (hex(cell.fg, &defaults.fg), hex(cell.bg, &defaults.bg));
        let (fg, bg) = if cell.modifier.contains(Modifier::REVERSED) { (bg, fg) } else { (fg, bg) };
        Self { fg, bg, modifiers: cell.modifier, shape: Shape::of(cell.symbol()) }
    }
}

impl Run {
    fn write(&self, out: &mut String, top: f64, defaults: &DefaultColours) {
        let left = MARGIN + f64::from(self.x) * CELL.0;
        let wide = f64::from(self.cells) * CELL.0;
        if self.style.bg != defaults.bg {
            rect(out, (left, top, wide, CELL.1), &self.style.bg);
        }
        if let Some(shape) = self.style.shape {
            shape.write(out, (left, top, wide, CELL.1), &self.style.fg);
        } else if !self.text.trim().is_empty() {
            self.write_text(out, left, top);
        }
    }

    /// Writes text with an explicit width, so that it stays aligned with the cells in any font.
    fn write_text(&self, out: &mut String, left: f64, top: f64) {
        let text = self.text.trim_end();
        let start = text.len() - text.trim_start().len();
        let left = left + f64::from(cell_count(&text[..start])) * CELL.0;
        let text = &text[start..];
        let wide = f64::from(cell_count(text)) * CELL.0;
        let modifiers = self.style.modifiers;
        let bold = if modifiers.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let line = if modifiers.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
        let dim = if modifiers.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
        let _ = writeln!(
            out,
            "<text x=\"{left:.1}\" y=\"{:.1}\" fill=\"{}\"{bold}{line}{dim} textLength=\"{wide:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text>",
            top + BASELINE,
            self.style.fg,
            escape(text)
        );
    }
}

/// The width of a text in cells.
fn cell_count(text: &str) -> u16 {
    number::cells(width(text))
}

/// A text as XML. What XML cannot contain is replaced.
fn escape(text: &str) -> String {
    let valid = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c };
    let text: String = text.chars().map(valid).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A colour as hex. Named colours have their xterm values.
fn hex(colour: Color, reset: &str) -> String {
    let (r, g, b) = match colour {
        Color::Reset => return reset.to_owned(),
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Indexed(index @ 232..) => [8 + (index - 232) * 10; 3].into(),
        Color::Indexed(index @ 16..) => (level(index, 36), level(index, 6), level(index, 1)),
        Color::Black | Color::Indexed(0) => (0, 0, 0),
        Color::Red | Color::Indexed(1) => (205, 0, 0),
        Color::Green | Color::Indexed(2) => (0, 205, 0),
        Color::Yellow | Color::Indexed(3) => (205, 205, 0),
        Color::Blue | Color::Indexed(4) => (0, 0, 238),
        Color::Magenta | Color::Indexed(5) => (205, 0, 205),
        Color::Cyan | Color::Indexed(6) => (0, 205, 205),
        Color::Gray | Color::Indexed(7) => (229, 229, 229),
        Color::DarkGray | Color::Indexed(8) => (127, 127, 127),
        Color::LightRed | Color::Indexed(9) => (255, 0, 0),
        Color::LightGreen | Color::Indexed(10) => (0, 255, 0),
        Color::LightYellow | Color::Indexed(11) => (255, 255, 0),
        Color::LightBlue | Color::Indexed(12) => (92, 92, 255),
        Color::LightMagenta | Color::Indexed(13) => (255, 0, 255),
        Color::LightCyan | Color::Indexed(14) => (0, 255, 255),
        Color::White | Color::Indexed(15) => (255, 255, 255),
    };
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// One part of a colour of the 6×6×6 cube of 256-colour terminals.
fn level(index: u8, divisor: u8) -> u8 {
    [0, 95, 135, 175, 215, 255][usize::from((index - 16) / divisor % 6)]
}

#[cfg(test)]
mod tests {
    use ratatui::{layout::Rect, style::Style};

    use super::*;
    use crate::theme::ThemeChoice;

    #[test]
    fn a_frame_is_drawn_with_escaped_text_in_the_colours_of_the_theme() {
        let theme = Theme::load(&ThemeChoice::DARK).unwrap();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 2));
        buffer.set_string(0, 0, "Throughput 漢字 ▁▂━", theme.base);
        buffer.set_string(0, 1, "<script>&", Style::new().fg(Color::Indexed(46)));
        buffer.cell_mut((20, 1)).unwrap().set_symbol("\u{1b}");
        let picture = svg(&buffer, &theme);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.contains("Throughput") && picture.contains("#10151c") && picture.contains("#00ff00"));
        assert!(picture.contains("&lt;script&gt;&amp;") && !picture.contains("<script"), "{picture}");
        assert!(!picture.chars().any(|c| c.is_control() && c != '\n'), "{picture}");
    }
}
