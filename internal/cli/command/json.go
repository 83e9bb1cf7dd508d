package command

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// jsonFlag is the name of the flag that every command with a result has.
const jsonFlag = "json"

// jsonFieldsAnnotation holds the names of a command's JSON fields on its
// cobra command.
const jsonFieldsAnnotation = "mesh:json-fields"

// AddJSON gives cmd the flag --json. result is a value of the type that the
// command prints with [Env.WriteJSON]; its fields are documented in the
// command's help and are a contract.
func AddJSON(cmd *cobra.Command, target *bool, result any) {
	cmd.Flags().BoolVar(target, jsonFlag, false, "print the result as JSON")
	fields := fieldNames(reflect.TypeOf(result))
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[jsonFieldsAnnotation] = strings.Join(fields, " ")
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	cmd.Long = strings.TrimRight(cmd.Long, "\n") + "\n\nJSON fields: " + strings.Join(fields, ", ")
}

// JSONFields returns the names of the fields that cmd prints with --json, in
// order, and whether it has the flag.
func JSONFields(cmd *cobra.Command) (fields []string, ok bool) {
	list, ok := cmd.Annotations[jsonFieldsAnnotation]
	return strings.Fields(list), ok
}

// fieldNames lists the JSON names of a struct's fields, those of embedded
// structs included; for a slice or pointer those of its element.
func fieldNames(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, fieldNames(f.Type)...)
		case f.IsExported() && name != "" && name != "-":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wantsJSON reports whether cmd was asked for JSON.
func wantsJSON(cmd *cobra.Command) bool {
	if cmd == nil {
		return false
	}
	f := cmd.Flags().Lookup(jsonFlag)
	return f != nil && f.Value.String() == "true"
}

// WriteJSON prints v to standard output, indented where a person reads it and
// on one line where a program does.
func (e *Env) WriteJSON(v any) error {
	enc := json.NewEncoder(e.IO.Out)
	enc.SetEscapeHTML(false)
	if e.IO.OutIsTerminal() {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

// WriteJSONLine prints v to standard output on one line, for commands that
// follow something.
func (e *Env) WriteJSONLine(v any) error {
	enc := json.NewEncoder(e.IO.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
