//! The digits of 2/pi.

/// How many words of them kernels take (`PHASOR_DIGITS` in `cpp/params.h`).
pub(super) const WORDS: usize = 22;

/// 192 zeros and the first 1216 binary digits after the point, 64 in a word: all that matter to any double. Computed by Machin's
/// formula.
pub(super) const TWO_OVER_PI: [u64; WORDS] = [
    0,
    0,
    0,
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `number / n`. Numbers are one word before the point, and the rest after it.
    fn divided(mut number: Vec<u64>, n: u64) -> Vec<u64> {
        let mut rest = 0u128;
        for word in &mut number {
            let part = rest << 64 | u128::from(*word);
            *word = (part / u128::from(n)) as u64;
            rest = part % u128::from(n);
        }
        number
    }

    /// `a + b`, or `a - b`.
    fn added(a: &[u64], b: &[u64], negative: bool) -> Vec<u64> {
        let mut sum = vec![0; a.len()];
        let mut carry = negative;
        for i in (0..a.len()).rev() {
            let (part, first) = a[i].overflowing_add(if negative { !b[i] } else { b[i] });
            let (part, second) = part.overflowing_add(carry.into());
            (sum[i], carry) = (part, first || second);
        }
        sum
    }

    /// The arc tangent of 1 / n, times `factor`.
    fn arc_tangent(n: u64, factor: u64, words: usize) -> Vec<u64> {
        let mut power = vec![0; words];
        power[0] = factor;
        let mut power = divided(power, n);
        let mut sum = vec![0; words];
        for k in 0.. {
            let term = divided(power.clone(), 2 * k + 1);
            if term.iter().all(|&word| word == 0) {
                break;
            }
            sum = added(&sum, &term, k % 2 == 1);
            power = divided(power, n * n);
        }
        sum
    }

    /// pi / 4 = 4 atan(1/5) - atan(1/239); the product of the digits and pi / 2 is 1.
    #[test]
    fn they_are_those_of_two_over_pi() {
        let words = 24;
        let quarter = added(&arc_tangent(5, 4, words), &arc_tangent(239, 1, words), true);
        let half: Vec<u64> = added(&quarter, &quarter, false);
        assert_eq!(half[0], 1);
        // Words of the product, from the last.
        let digits = &TWO_OVER_PI[3..];
        let mut product = vec![0u64; digits.len() + words];
        for (i, &a) in digits.iter().enumerate().rev() {
            let mut carry = 0u128;
            for (j, &b) in half.iter().enumerate().rev() {
                let sum = u128::from(a) * u128::from(b) + u128::from(product[i + j + 1]) + carry;
                product[i + j + 1] = sum as u64;
                carry = sum >> 64;
            }
            product[i] = carry as u64;
        }
        // A little below 1, as the digits are cut off.
        assert_eq!(product[0], 0);
        assert!(
            product[1..digits.len()]
                .iter()
                .all(|&word| word == u64::MAX)
        );
    }
}
