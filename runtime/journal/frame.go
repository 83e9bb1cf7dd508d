package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A frame is one entry of a segment, all numbers big-endian:
//
//	4  magic
//	4  length of what follows the header
//	4  CRC-32C of everything behind this field
//	8  sequence
//	8  sequence of the first record of its commit group
//	4  length of Data
//	   Data, then Local
//
// The group tells a torn tail from corruption: a group is written only after
// the one before it was synced, so a damaged record in front of a whole one of
// a later group had been on disk.
const (
	frameHeader   = 32
	offsetLength  = 4
	offsetCRC     = 8
	offsetChecked = 12
	offsetGroup   = 20
	offsetData    = 28
)

var frameMagic = []byte("aMj\x01")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errFrame = errors.New("not a whole record")

// frame is a decoded entry. Its record shares memory with what was decoded.
type frame struct {
	seq, group uint64
	record     Record
}

// appendFrame appends the encoding of f to dst.
func appendFrame(dst []byte, f frame) []byte {
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.record.Data)+len(f.record.Local)))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, f.seq)
	dst = binary.BigEndian.AppendUint64(dst, f.group)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.record.Data)))
	dst = append(dst, f.record.Data...)
	dst = append(dst, f.record.Local...)
	sum := crc32.Checksum(dst[start+offsetChecked:], castagnoli)
	binary.BigEndian.PutUint32(dst[start+offsetCRC:], sum)
	return dst
}

// decodeFrame reads one frame at the start of b and says how long it is. It
// returns errFrame for anything that appendFrame did not write.
func decodeFrame(b []byte) (f frame, n int, err error) {
	if len(b) < frameHeader || !bytes.Equal(b[:len(frameMagic)], frameMagic) {
		return frame{}, 0, errFrame
	}
	length := binary.BigEndian.Uint32(b[offsetLength:])
	dataLength := binary.BigEndian.Uint32(b[offsetData:])
	if length > maxFrameBytes || int(length) > len(b)-frameHeader || dataLength > length {
		return frame{}, 0, errFrame
	}
	n = frameHeader + int(length)
	if crc32.Checksum(b[offsetChecked:n], castagnoli) != binary.BigEndian.Uint32(b[offsetCRC:]) {
		return frame{}, 0, errFrame
	}
	body := b[frameHeader:n:n]
	f = frame{
		seq:    binary.BigEndian.Uint64(b[offsetChecked:]),
		group:  binary.BigEndian.Uint64(b[offsetGroup:]),
		record: Record{Data: body[:dataLength:dataLength]},
	}
	if int(dataLength) < len(body) {
		f.record.Local = body[dataLength:]
	}
	return f, n, nil
}

// hasLaterGroup reports whether a whole frame of a group that begins behind
// seq stands anywhere in b.
func hasLaterGroup(b []byte, seq uint64) bool {
	for {
		i := bytes.Index(b, frameMagic)
		if i < 0 {
			return false
		}
		b = b[i:]
		if f, _, err := decodeFrame(b); err == nil && f.group > seq && f.seq >= f.group {
			return true
		}
		b = b[1:]
	}
}
