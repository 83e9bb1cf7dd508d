package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// significant writes a number, which is not negative, with three significant digits, or with all of
// those before its point, with commas between thousands.
func significant(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "?"
	}
	decimals := 0
	if x != 0 {
		decimals = min(max(2-int(math.Floor(math.Log10(x))), 0), 3)
	}
	integer, fraction, _ := strings.Cut(strconv.FormatFloat(x, 'f', decimals, 64), ".")
	integer = grouped(integer)
	if fraction == "" {
		return integer
	}
	return integer + "." + fraction
}

// whole writes a whole number, with commas between thousands.
func whole(n int) string { return grouped(strconv.Itoa(n)) }

func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// rate writes a number of things a second, of which no more than three digits
// mean anything.
func rate(x float64) string {
	if x <= 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return "?"
	}
	unit := math.Pow10(max(int(math.Floor(math.Log10(x)))-2, 0))
	return significant(math.Round(x/unit) * unit)
}

// nanoseconds writes a time with the unit that suits it.
func nanoseconds(ns float64) string {
	switch {
	case ns < 1e3:
		return significant(ns) + " ns"
	case ns < 1e6:
		return significant(ns/1e3) + " µs"
	case ns < 1e9:
		return significant(ns/1e6) + " ms"
	}
	return significant(ns/1e9) + " s"
}

func duration(d time.Duration) string { return nanoseconds(float64(d)) }

// count writes a mean number of allocations: whole, unless there are few.
func count(x float64) string {
	if x < noAllocation {
		return "0"
	}
	if x < 10 {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return whole(int(math.Round(x)))
}

// noAllocation is a mean number of allocations a call below which the calls do
// not allocate: the process itself does, now and then.
const noAllocation = 0.001
