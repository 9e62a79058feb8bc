//! Aligned columns.

use kreplay_model::feed::cells::{padding, width};

/// Where the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Rows as lines with aligned columns, the titles first. Cells must be printable; the last column is not padded.
pub(super) fn aligned<const N: usize>(titles: [(&str, Align); N], rows: &[[String; N]], indent: &str) -> String {
    let head = titles.map(|(title, _)| title.to_owned());
    let all = || std::iter::once(&head).chain(rows);
    let widths: [usize; N] = std::array::from_fn(|at| all().map(|row| width(&row[at])).max().unwrap_or_default());
    let mut text = String::new();
    for row in all() {
        let mut line = indent.to_owned();
        for (((cell, (_, align)), cells), at) in row.iter().zip(titles).zip(widths).zip(0..) {
            let filled = padding(cell, cells);
            let parts = match align {
                Align::Left if at + 1 == N => [cell.as_str(), ""],
                Align::Left => [cell.as_str(), &filled],
                Align::Right => [filled.as_str(), cell],
            };
            line.extend(parts);
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "1,000".to_owned(), "x y".to_owned()], ["名前".into(), "7".into(), String::new()]];
        let titles = [("NAME", Align::Left), ("LAG", Align::Right), ("NOTE", Align::Left)];
        assert_eq!(aligned(titles, &rows, " "), " NAME    LAG  NOTE\n a     1,000  x y\n 名前      7\n");
    }
}
