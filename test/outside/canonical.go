package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parseCanonical reads JSON that must be in the one form of RFC 8785: what is not could be read in two ways.
func parseCanonical(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("no UTF-8")
	}
	var value map[string]any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := writeCanonical(&text, value); err != nil {
		return nil, err
	}
	if !bytes.Equal(text.Bytes(), data) {
		return nil, errors.New("no canonical JSON")
	}
	return value, nil
}

func writeCanonical(to *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case nil, bool, float64:
		// Go writes numbers as ECMAScript does.
		data, err := json.Marshal(value)
		to.Write(data)
		return err
	case string:
		writeText(to, value)
	case []any:
		to.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				to.WriteByte(',')
			}
			if err := writeCanonical(to, item); err != nil {
				return err
			}
		}
		to.WriteByte(']')
	case map[string]any:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		})
		to.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				to.WriteByte(',')
			}
			writeText(to, name)
			to.WriteByte(':')
			if err := writeCanonical(to, value[name]); err != nil {
				return err
			}
		}
		to.WriteByte('}')
	default:
		return fmt.Errorf("a %T in JSON", value)
	}
	return nil
}

func writeText(to *bytes.Buffer, text string) {
	to.WriteByte('"')
	for _, char := range text {
		switch {
		case char == '"' || char == '\\':
			to.WriteByte('\\')
			to.WriteRune(char)
		case char < 0x20:
			if i := strings.IndexRune("\b\t\n\f\r", char); i >= 0 {
				to.WriteString([]string{`\b`, `\t`, `\n`, `\f`, `\r`}[i])
			} else {
				fmt.Fprintf(to, `\u%04x`, char)
			}
		default:
			to.WriteRune(char)
		}
	}
	to.WriteByte('"')
}

// hasExactly says whether an object has these members and no others.
func hasExactly(object map[string]any, names ...string) bool {
	for _, name := range names {
		if _, ok := object[name]; !ok {
			return false
		}
	}
	return len(object) == len(names)
}

// requireNamesOnce refuses JSON in which an object names a member twice.
func requireNamesOnce(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	var walk func() error
	walk = func() error {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		open, isDelim := token.(json.Delim)
		if !isDelim {
			return nil
		}
		seen := map[string]bool{}
		for decoder.More() {
			if open == '{' {
				name, err := decoder.Token()
				if err != nil {
					return err
				}
				text := name.(string)
				if seen[text] {
					return fmt.Errorf("%q is named twice", text)
				}
				seen[text] = true
			}
			if err := walk(); err != nil {
				return err
			}
		}
		_, err = decoder.Token()
		return err
	}
	if err := walk(); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}
