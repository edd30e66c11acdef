// Sine and cosine of an angle, from one reduction.
//
// Whole quarter turns are subtracted from an angle. Polynomials give sine and cosine of the rest, which are swapped and negated
// according to the number of quarter turns. Both functions are within one unit in the last place, for angles up to `near_limit`;
// `turns.cuh` reduces all others. Arithmetic is in the type of the results: on devices that are not made for computing centres,
// doubles are slow.
//
// Angles are sums of two numbers, of which the second may be left out. So is the rest: rounding it to one number would lose more
// than the bound allows.
#pragma once

#include "element.cuh"

// An angle less its quarter turns: `rest + more`, in about [-pi/4, pi/4].
template <typename A>
struct Reduced {
    A rest;
    A more;
    // Number of quarter turns; only the lowest two bits are looked at.
    u32 quarters;
};

// The size of an angle up to which `reduced` is accurate: the number of quarter turns has 17 bits in float, 31 in double.
PHASOR_DEVICE bool is_near(float size) { return size <= 131072.0f; }
PHASOR_DEVICE bool is_near(double size) { return size <= 2147483648.0; }

PHASOR_DEVICE float magnitude(float value) { return fabsf(value); }
PHASOR_DEVICE double magnitude(double value) { return fabs(value); }

// Constants of a type. Half of pi is the sum of three numbers; the sum of `ROUNDER`, 1.5 * 2^23 or 1.5 * 2^52, and a small number
// is rounded to an integer, whose lowest bits are those of the sum.
template <typename A>
struct Reduction;

template <>
struct Reduction<float> {
    static constexpr float ROUNDER = 12582912.0f;
    static constexpr float PER_QUARTER = 0.63661977f;
    static constexpr float FIRST = 1.5707963705062866f;
    static constexpr float SECOND = -4.371138828673793e-8f;
    static constexpr float THIRD = -1.7151245100058819e-15f;
};

template <>
struct Reduction<double> {
    static constexpr double ROUNDER = 6755399441055744.0;
    static constexpr double PER_QUARTER = 0.6366197723675814;
    static constexpr double FIRST = 1.5707963267948966;
    static constexpr double SECOND = 6.123233995736766e-17;
    static constexpr double THIRD = -1.4973849048591698e-33;
};

PHASOR_DEVICE u32 lowest_bits(float value) { return __float_as_uint(value); }
PHASOR_DEVICE u32 lowest_bits(double value) { return u32(__double2loint(value)); }

// `a + b` without error: `a` becomes the rounded sum, `b` what the rounding lost (Knuth's).
template <typename A>
PHASOR_DEVICE void two_sum(A& a, A& b) {
    const A sum = a + b;
    const A back = sum - a;
    b = (a - (sum - back)) + (b - back);
    a = sum;
}

// The same for a product.
template <typename A>
PHASOR_DEVICE void two_product(A& a, A& b) {
    const A rounded = product(a, b);
    b = fused(a, b, -rounded);
    a = rounded;
}

// `angle`, reduced.
//
// The first product is subtracted without error: `angle` and it are multiples of the last place of a number below 1, and so is
// their difference, which is below 1. The sum after it is Dekker's, which loses nothing because its first number is a multiple of
// the second's last place.
template <typename A>
PHASOR_DEVICE Reduced<A> reduced(A angle) {
    typedef Reduction<A> R;
    const A rounded = fused(angle, R::PER_QUARTER, R::ROUNDER);
    const A n = R::ROUNDER - rounded;
    const A first = fused(n, R::FIRST, angle);
    A taken = n;
    A lost = R::SECOND;
    two_product(taken, lost);
    const A rest = first + taken;
    return {rest, (taken - (rest - first)) + fused(n, R::THIRD, lost), lowest_bits(rounded)};
}

// `high + low`, where `low` is up to half a unit in the last place of `high`.
template <typename A>
PHASOR_DEVICE Reduced<A> reduced(A high, A low) {
    typedef Reduction<A> R;
    const A rounded = fused(high, R::PER_QUARTER, R::ROUNDER);
    const A n = R::ROUNDER - rounded;
    const A first = fused(n, R::FIRST, high);
    A taken = n;
    A lost = R::SECOND;
    two_product(taken, lost);
    two_sum(taken, low);
    const A rest = first + taken;
    return {rest, (taken - (rest - first)) + (fused(n, R::THIRD, lost) + low), lowest_bits(rounded)};
}

// `(sin r / r - 1) / r^2` in powers of `z = r^2`, the best polynomial on the interval: relative error of the sine 2^-27.8.
PHASOR_DEVICE float sine_bend(float z) {
    return fused(fused(-0.00019504386517897178f, z, 0.008332083974094098f), z, -0.16666653479418447f);
}

// `(cos r - 1) / r^2`: error of the cosine 2^-33.
PHASOR_DEVICE float cosine_bend(float z) {
    const float bend = fused(fused(2.4423966239360698e-5f, z, -0.0013887243416841712f), z, 0.041666644391963305f);
    return fused(bend, z, -0.5f);
}

// Relative error 2^-58.
PHASOR_DEVICE double sine_bend(double z) {
    double bend = fused(1.5896827664141524e-10, z, -2.505075864892597e-8);
    bend = fused(bend, z, 2.7557313695200265e-6);
    bend = fused(bend, z, -0.0001984126982981688);
    bend = fused(bend, z, 0.008333333333322425);
    return fused(bend, z, -0.16666666666666632);
}

// Error 2^-64.
PHASOR_DEVICE double cosine_bend(double z) {
    double bend = fused(-1.135966970807851e-11, z, 2.087572368142767e-9);
    bend = fused(bend, z, -2.7557314355220184e-7);
    bend = fused(bend, z, 2.4801587289491752e-5);
    bend = fused(bend, z, -0.0013888888888874138);
    bend = fused(bend, z, 0.0416666666666666);
    return fused(bend, z, -0.5);
}

// The number, negated if the highest bit of `quarters` is set.
PHASOR_DEVICE float turned(float value, u32 quarters) {
    return __uint_as_float(__float_as_uint(value) ^ (quarters & 0x80000000));
}
PHASOR_DEVICE double turned(double value, u32 quarters) {
    return __hiloint2double(__double2hiint(value) ^ int(quarters & 0x80000000), __double2loint(value));
}

// Which functions of an angle are wanted, of which one is the sine: the quarter turns from the sine to it, 0 or 1, in the highest two bits.
struct Order {
    u32 first;
    u32 second;
    // Twice the first one: in the highest bit, whether that is the cosine.
    u32 swapped;
};

// Both functions.
//
// The square has what is beyond the rest in it, which leaves the rounding of the results (1/2 ulp), that of the square (1/4 in the cosine),
// and smaller ones: 0.88 ulp at most over every float up to the limit.
template <typename A>
PHASOR_DEVICE void functions(const Reduced<A>& angle, Order order, A& a, A& b) {
    const A rest = angle.rest;
    const A more = angle.more;
    const A z = fused(rest, rest, product(rest, more + more));
    const A sine = rest + fused(product(rest, z), sine_bend(z), more);
    const A cosine = fused(z, cosine_bend(z), A(1));
    const u32 of_a = (angle.quarters << 30) + order.first;
    const u32 of_b = (angle.quarters << 30) + order.second;
    // Testing any other bit would take two more instructions.
    const bool odd = int((angle.quarters << 31) + order.swapped) < 0;
    a = turned(odd ? cosine : sine, of_a);
    b = turned(odd ? sine : cosine, of_b);
}
