package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// OPA returns the files of the bundle's OPA layer, and false if there is none.
func (b *Bundle) OPA() ([]File, bool, error) {
	for _, f := range b.Files {
		if f.MediaType == MediaTypeOPA {
			files, err := unpackArchive(f.Title, f.Data)
			return files, true, err
		}
	}
	return nil, false, nil
}

// checkArchive refuses an archive that could do harm wherever it is unpacked,
// also by a program that is less careful than this one.
func checkArchive(title string, data []byte) error {
	_, err := unpackArchive(title, data)
	return err
}

// unpackArchive reads a gzipped tar into memory. Regular files and directories
// with harmless names are accepted; links, devices and everything else are
// refused, and so is whatever unpacks to more than [MaxBundleSize].
func unpackArchive(title string, data []byte) ([]File, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, malformed("%s is not a gzipped archive: %w", title, err)
	}
	left := &io.LimitedReader{R: zr, N: MaxBundleSize + 1}
	tr := tar.NewReader(left)
	var files []File
	seen := map[string]bool{}
	var total int64
	for entries := 0; ; entries++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, archiveError(title, left, err)
		}
		if entries >= MaxArchiveEntries {
			return nil, malformed("%s holds more than the %d files allowed", title, MaxArchiveEntries)
		}
		name, err := entryName(h)
		if err != nil {
			return nil, malformed("%s: %w", title, err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if seen[name] {
			return nil, malformed("%s holds %q twice", title, name)
		}
		seen[name] = true
		// A sparse file may be far larger than the bytes it takes in the
		// archive, so the size it claims counts, not what was read.
		if total += h.Size; h.Size > MaxBundleSize || total > MaxBundleSize {
			return nil, malformed("%s unpacks to more than the %d bytes allowed", title, MaxBundleSize)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return nil, archiveError(title, left, err)
		}
		files = append(files, File{Title: name, Data: content})
	}
}

// archiveError tells an archive that is cut short from one that is too large.
func archiveError(title string, left *io.LimitedReader, err error) error {
	if left.N <= 0 {
		return malformed("%s unpacks to more than the %d bytes allowed", title, MaxBundleSize)
	}
	return malformed("reading %s: %w", title, err)
}

// entryName returns the harmless relative path of an entry. A leading slash,
// which `opa build` writes, and "./" are taken off; nothing else is repaired.
func entryName(h *tar.Header) (string, error) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	default:
		return "", fmt.Errorf("%q is a link, a device or something else that is not a file", h.Name)
	}
	name := strings.TrimPrefix(strings.TrimPrefix(h.Name, "./"), "/")
	if h.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
		if name == "" || name == "." {
			return "", nil
		}
	}
	if err := checkTitle(name); err != nil {
		return "", err
	}
	return name, nil
}
