package report

import (
	"math"
	"testing"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		significant(0):            "0.00",
		significant(0.0123):       "0.012",
		significant(0.5):          "0.500",
		significant(1.625):        "1.62",
		significant(54.321):       "54.3",
		significant(543.21):       "543",
		significant(1234567):      "1,234,567",
		significant(math.NaN()):   "?",
		rate(123_456):             "123,000",
		rate(987):                 "987",
		rate(0):                   "?",
		nanoseconds(180.25):       "180 ns",
		nanoseconds(20_111):       "20.1 µs",
		nanoseconds(1.5e6):        "1.50 ms",
		nanoseconds(1.61e9):       "1.61 s",
		count(0.0004):             "0",
		count(7.08):               "7.1",
		count(1617):               "1,617",
		whole(999) + whole(10000): "99910,000",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
