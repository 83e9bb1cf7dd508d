package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
)

// redacted is printed in place of a secret that is set.
const redacted = "[redacted]"

// Effective returns the configuration in force as one log attribute per
// section, secrets replaced.
func (f *File) Effective() []slog.Attr {
	attrs := make([]slog.Attr, 0, len(f.sections))
	for _, s := range f.sections {
		if _, other := s.(Other); other {
			continue
		}
		attrs = append(attrs, slog.GroupAttrs(s.Key(), fieldAttrs(reflect.ValueOf(s).Elem())...))
	}
	return attrs
}

func fieldAttrs(v reflect.Value) []slog.Attr {
	fields, names := yamlFields(v.Type())
	attrs := make([]slog.Attr, 0, len(names))
	for _, name := range names {
		field := v.FieldByIndex(fields[name])
		_, text := field.Interface().(encoding.TextMarshaler)
		switch {
		case v.Type().FieldByIndex(fields[name]).Tag.Get("secret") == "true":
			if !field.IsZero() {
				attrs = append(attrs, slog.String(name, redacted))
			}
		case field.Kind() == reflect.Struct && !text:
			attrs = append(attrs, slog.GroupAttrs(name, fieldAttrs(field)...))
		case !field.IsZero():
			attrs = append(attrs, slog.String(name, fmt.Sprint(field.Interface())))
		}
	}
	return attrs
}
