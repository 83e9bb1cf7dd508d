package command

import "time"

// Time writes a point in time for people, in their time zone; "" for the zero
// time.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
