package journal

import "github.com/tidwall/wal"

// Log is what a journal needs of its log, for tests that let it fail.
type Log interface {
	WriteBatch(*wal.Batch) error
	Sync() error
	Read(index uint64) ([]byte, error)
	Close() error
}

// WithLog returns options that open the log and hand it to wrap.
func WithLog(o Options, wrap func(dir string, log Log) Log) Options {
	o.openLog = func(dir string, segmentBytes int) (segmentLog, error) {
		log, err := openWAL(dir, segmentBytes)
		if err != nil {
			return nil, err
		}
		return wrap(dir, log), nil
	}
	return o
}
