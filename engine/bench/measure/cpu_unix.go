//go:build unix

package measure

import (
	"fmt"
	"syscall"
	"time"
)

// CPU returns the processor time that this process has used, on all cores and
// with what the garbage collector took.
func CPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(fmt.Sprintf("measure: reading the processor time: %v", err)) // the call has no way to fail
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
