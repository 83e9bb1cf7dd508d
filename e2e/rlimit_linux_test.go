package e2e

import (
	"math"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
)

// stepMaxFile sets how large a file a running server may make, in bytes. With
// 0 every write to a file fails, as on a full disk; "unlimited" makes room.
func stepMaxFile(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("NAME BYTES|unlimited")
	}
	limit := syscall.Rlimit{Cur: math.MaxUint64, Max: math.MaxUint64}
	if args[1] != "unlimited" {
		n, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return "", usageError("NAME BYTES|unlimited")
		}
		limit.Cur = n
	}
	pid, err := state(ts).pid(args[0])
	if err != nil {
		return "", err
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return "", errno
	}
	return "", nil
}
