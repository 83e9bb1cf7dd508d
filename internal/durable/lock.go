package durable

import (
	"errors"
	"os"
)

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("another process holds the lock")

// A Lock keeps other processes away from a directory while this one uses it.
// The kernel gives it back when the process ends, however it ends.
type Lock struct {
	file *os.File
}
