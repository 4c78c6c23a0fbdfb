//! Numbers as decimal digits in a byte buffer. It knows nothing else.
#![forbid(unsafe_code)]

/// Appends a number in decimal.
pub fn write_decimal(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        return out.push(b'0' + number as u8);
    }
    let mut text = [0u8; 20];
    let mut at = text.len();
    let mut rest = number;
    while rest >= 10 {
        at -= 2;
        let [tens, ones] = PAIRS[(rest % 100) as usize];
        (text[at], text[at + 1]) = (tens, ones);
        rest /= 100;
    }
    if rest > 0 {
        at -= 1;
        text[at] = b'0' + rest as u8;
    }
    out.extend_from_slice(&text[at..]);
}

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < pairs.len() {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::write_decimal;

    #[test]
    fn writes_what_the_formatter_writes() {
        let edges = (0..20).flat_map(|power| {
            let ten = 10u64.pow(power);
            [ten - 1, ten, ten + 1, ten.wrapping_mul(5)]
        });
        for number in (0..1200).chain(edges).chain([u64::MAX, u64::MAX - 1]) {
            let mut out = b"n=".to_vec();
            write_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("n={number}"));
        }
    }
}
