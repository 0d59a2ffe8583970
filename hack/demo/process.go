package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a child that runs until it is stopped.
type process struct {
	log      string // the file that holds its output
	cmd      *exec.Cmd
	done     chan struct{}
	stopping atomic.Bool
}

// endedError says that a process ended although nobody stopped it.
type endedError struct {
	name  string
	state *os.ProcessState
	words string
}

func (e *endedError) Error() string {
	return fmt.Sprintf("%s ended by itself (%s). Its last words:\n%s", e.name, e.state, e.words)
}

// start runs a binary with its output in a file of dir. If it ends by itself,
// fail is called with an endedError.
func start(fail context.CancelCauseFunc, dir, binary string, args ...string) (*process, error) {
	name := filepath.Base(binary)
	output, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }() // the child has its own
	p := &process{log: output.Name(), cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells more
		close(p.done)
		if !p.stopping.Load() {
			fail(&endedError{name, p.cmd.ProcessState, p.tail()})
		}
	}()
	return p, nil
}

// stop asks the process to end, and ends it if it does not do so in time.
func (p *process) stop() {
	p.stopping.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// runToEnd runs a command that ends by itself, with its errors shown.
func runToEnd(ctx context.Context, cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(cmd.Path), cmd.Args[1], errors.Join(ctx.Err(), err))
	}
	return nil
}

// tail returns the last lines of the log.
func (p *process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}
