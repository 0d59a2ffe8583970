package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// cpu is the time that processes have spent computing, by the rows that tell it, in seconds. It is empty where there is
// no /proc.
type cpu map[string]float64

// processes are those that are looked at. Each is a process of its own, and a child of the bench.
var processes = map[string]string{
	"cpu-kube-apiserver": "kube-apiserver",
	"cpu-etcd":           "etcd",
	"cpu-operator":       "manager",
}

func readCPU() (cpu, error) {
	spent := cpu{}
	if runtime.GOOS != "linux" {
		return spent, nil
	}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (comm) state ppid …, of which utime and stime are the 14th and 15th, in hundredths of a second
		_, rest, _ := strings.Cut(string(text), "(")
		name, rest, _ := strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		user, err1 := strconv.ParseFloat(fields[11], 64)
		system, err2 := strconv.ParseFloat(fields[12], 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		for row, process := range processes {
			if process == name {
				spent[row] = (user + system) / 100
			}
		}
	}
	if len(spent) != len(processes) {
		return nil, fmt.Errorf("looking for %d processes in /proc, found %v", len(processes), spent)
	}
	return spent, nil
}
