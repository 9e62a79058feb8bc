//! The colours of the heat map.

/// Ten steps of cividis, whose lightness rises evenly, for every kind of colour vision and in grey (Nuñez, Anderton,
/// Renslow: Optimizing colormaps with consideration for color vision deficiency, 2018).
const CIVIDIS: [(u8, u8, u8); 10] = [
    (0x00, 0x22, 0x4e),
    (0x12, 0x35, 0x70),
    (0x3b, 0x49, 0x6c),
    (0x57, 0x5d, 0x6d),
    (0x70, 0x71, 0x73),
    (0x8a, 0x86, 0x78),
    (0xa5, 0x9c, 0x74),
    (0xc3, 0xb3, 0x69),
    (0xe1, 0xcc, 0x55),
    (0xfe, 0xe8, 0x38),
];

/// The number of colours.
pub(crate) const STEPS: usize = 16;

/// The step of a share from 0 to 1, below [`STEPS`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to 15")]
pub(crate) fn step(share: f64) -> usize {
    let last = STEPS - 1;
    ((share.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)
}

/// The colour of a step, as `#rrggbb`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]
pub(crate) fn colour(step: usize) -> String {
    let at = step.min(STEPS - 1) as f64 / (STEPS - 1) as f64 * (CIVIDIS.len() - 1) as f64;
    let below = (at.floor() as usize).min(CIVIDIS.len() - 2);
    let (from, to, part) = (CIVIDIS[below], CIVIDIS[below + 1], at - below as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_rises_with_each_step() {
        let grey = |step: usize| {
            let colour = u32::from_str_radix(&colour(step)[1..], 16).unwrap();
            let [_, r, g, b] = colour.to_be_bytes().map(u32::from);
            2126 * r + 7152 * g + 722 * b
        };
        assert!((1..STEPS).all(|step| grey(step) > grey(step - 1)));
        assert_eq!((step(-1.0), step(0.0), step(1.0), step(f64::INFINITY)), (0, 0, STEPS - 1, STEPS - 1));
        assert_eq!((colour(0), colour(STEPS)), ("#00224e".into(), "#fee838".into()));
    }
}
