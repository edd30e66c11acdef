// Angles of any size, reduced with integers: for the few that `trig.cuh` cannot reduce.
//
// An angle of m * 2^e is m * 2^(e-2) * 2/pi turns, of which the whole ones do not matter, and neither do the digits of 2/pi that
// contribute to whole turns alone. The next 192 of them times the 53 bits of m are the fraction of a turn, to 2^-139. Terms are
// added as such fractions, so that nothing is lost where they cancel.
#pragma once

#include "trig.cuh"

// A fraction of a turn, in units of 2^-192; as a difference, in two's complement.
struct Turns {
    u64 high;
    u64 middle;
    u64 low;
};

PHASOR_DEVICE Turns sum(Turns a, Turns b) {
    const u64 low = a.low + b.low;
    const u64 carry = low < a.low;
    const u64 middle = a.middle + b.middle;
    const u64 with = middle + carry;
    return {a.high + b.high + (middle < a.middle) + (with < middle), with, low};
}

PHASOR_DEVICE Turns negated(Turns a) { return sum({~a.high, ~a.middle, ~a.low}, {0, 0, 1}); }

// 64 bits of the sequence that `upper` and `lower` are, from bit `shift` on (below 64).
PHASOR_DEVICE u64 part(u64 upper, u64 lower, u32 shift) { return upper << shift | lower >> 1 >> (63 - shift); }

// The turns of a number. `digits` is 192 zeros and then those of 2/pi: `PHASOR_DIGITS` words, the first ones first.
PHASOR_DEVICE Turns turns_of(const u64 (&digits)[PHASOR_DIGITS], double angle) {
    const u32 upper = u32(__double2hiint(angle));
    const u32 exponent = upper >> 20 & 2047;
    // Where the digits that matter begin. Numbers smaller than 2^-137 have none.
    const int begin = int(exponent) - 1075 - 2 + 192;
    // There are enough digits for every number that gets here.
    if (begin < 0 || exponent == 2047) {
        return {0, 0, 0};
    }
    const u64 m = u64((upper & 0xfffff) | 0x100000) << 32 | u32(__double2loint(angle));
    const u32 word = u32(begin) / 64;
    const u32 shift = u32(begin) % 64;
    const u64 high = part(digits[word], digits[word + 1], shift);
    const u64 middle = part(digits[word + 1], digits[word + 2], shift);
    const u64 low = part(digits[word + 2], digits[word + 3], shift);
    const Turns turns = sum({m * high + __umul64hi(m, middle), m * middle, 0}, {0, __umul64hi(m, low), m * low});
    return upper >> 31 != 0 ? negated(turns) : turns;
}

// 2^exponent, of a normal number.
PHASOR_DEVICE double power_of_two(int exponent) { return __hiloint2double((1023 + exponent) << 20, 0); }

// A fraction of a turn less its quarter turns.
PHASOR_DEVICE Reduced<double> without_quarters(Turns turns) {
    const u32 quarters = u32((turns.high + (u64(1) << 61)) >> 62);
    turns.high -= u64(quarters) << 62;
    const bool negative = i64(turns.high) < 0;
    if (negative) {
        turns = negated(turns);
    }
    // In quarter turns, the highest bit of `high` is 2.
    int exponent = 1;
PHASOR_ROLLED
    for (int i = 0; i < 2 && turns.high == 0; i++) {
        turns = {turns.middle, turns.low, 0};
        exponent -= 64;
    }
    if (turns.high == 0) {
        return {0.0, 0.0, quarters};
    }
    const u32 zeros = u32(__clzll(i64(turns.high)));
    exponent -= int(zeros);
    const u64 first = part(turns.high, turns.middle, zeros);
    const u64 second = part(turns.middle, turns.low, zeros);
    // 53 bits, and as many more.
    const double high = double(i64(first >> 11)) * power_of_two(exponent - 52);
    const double low = double(i64(part(first, second, 53) >> 11)) * power_of_two(exponent - 105);
    double rest = high;
    double more = Reduction<double>::FIRST;
    two_product(rest, more);
    more += fused(high, Reduction<double>::SECOND, product(low, Reduction<double>::FIRST));
    return {negative ? -rest : rest, negative ? -more : more, quarters};
}

// `high + low` of any size, reduced.
PHASOR_DEVICE Reduced<double> reduced_far(const u64 (&digits)[PHASOR_DIGITS], double high, double low) {
    // Infinities become NaN.
    if (!(magnitude(high) <= 1.7976931348623157e308)) {
        return {high - high, 0.0, 0};
    }
    // Nothing to reduce, and for the smallest numbers there are no digits.
    if (magnitude(high) < 0.5) {
        return {high, low, 0};
    }
    return without_quarters(sum(turns_of(digits, high), turns_of(digits, low)));
}

PHASOR_DEVICE Reduced<double> narrowed(const Reduced<double>& angle, double) { return angle; }
PHASOR_DEVICE Reduced<float> narrowed(const Reduced<double>& angle, float) {
    const float rest = float(angle.rest);
    return {rest, float((angle.rest - double(rest)) + angle.more), angle.quarters};
}
