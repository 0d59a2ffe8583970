package local

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a child that runs until it is stopped.
type Process struct {
	// Log is the file that holds its output.
	Log string

	cmd      *exec.Cmd
	done     chan struct{}
	expected atomic.Bool // that it ends
}

// Start runs a binary with its output in a file. If it ends by itself, failed is told so, with its last words.
func Start(log string, failed func(error), binary string, args ...string) (*Process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }() // the child has its own
	p := &Process{Log: log, cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = output, output, childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells more
		if !p.expected.Load() {
			failed(
				fmt.Errorf(
					"%s ended by itself (%s). Its last words:\n%s",
					filepath.Base(binary),
					p.cmd.ProcessState,
					p.Tail(),
				),
			)
		}
		close(p.done)
	}()
	return p, nil
}

// PID is the number that the system gave the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process as a crash does.
func (p *Process) Kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill() // fails if it has ended
	<-p.done
}

// Stop asks the process to end, and kills it if it does not do so in time.
func (p *Process) Stop() {
	p.expected.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.Kill()
	}
}

// Tail returns the last lines of its output.
func (p *Process) Tail() string {
	content, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}
