package lifecycle

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/connection"
)

// DefaultResync is how often an object is looked at where neither it nor its server says.
const DefaultResync = 10 * time.Minute

// ResyncInterval is an object's own, else that of the connection, else the default.
func ResyncInterval(obj Object, conn *connection.Conn) time.Duration {
	if own := obj.CommonSpec().ResyncInterval; own != nil {
		return own.Duration
	}
	if conn != nil && conn.Resync() > 0 {
		return conn.Resync()
	}
	return DefaultResync
}

// nextVisit is when the object is due again if nothing happens before.
func (p *pass[T, R]) nextVisit(v *verdict) time.Duration {
	next := p.due()
	if v.after > 0 {
		next = v.after
	}
	if left := p.inFlight(p.obj.CommonStatus().CreateStarted); left > 0 {
		next = min(next, left)
	}
	if own, ok := p.ext.(Rechecker[R]); ok && p.have != nil {
		if after := own.RecheckAfter(p.have); after > 0 {
			next = min(next, after)
		}
	}
	return next
}

// comeAgain has the object visited after that time, by its resync or for a reason of its own.
func (p *pass[T, R]) comeAgain(after time.Duration, resync bool) ctrl.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := sighting{uid: p.obj.GetUID(), looked: true}
	if resync {
		s.due = p.Now().Add(after)
	}
	p.seen[client.ObjectKeyFromObject(p.obj)] = s
	return ctrl.Result{RequeueAfter: after}
}

// isDue reports whether it is its resync that brings the object.
func (p *pass[T, R]) isDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.seen[client.ObjectKeyFromObject(p.obj)].due
	return !due.IsZero() && !p.Now().Before(due)
}

// sighting is what a process knows of its visits to an object.
type sighting struct {
	uid    types.UID
	looked bool      // it has come to Grafana's door
	due    time.Time // its resync; zero: it comes again for another reason
}

// isSuccessor reports whether this process has been at another object under the same name, of which it does not know
// that it is gone. From now on it has been at this one.
func (r *Reconciler[T, R]) isSuccessor(obj T) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	was, seen := r.seen[key]
	if !seen || was.uid != obj.GetUID() {
		r.seen[key] = sighting{uid: obj.GetUID()}
	}
	return seen && was.uid != obj.GetUID()
}

// firstSight reports whether this process has not been at Grafana for the object yet. From now on it has.
func (p *pass[T, R]) firstSight() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := client.ObjectKeyFromObject(p.obj)
	first := !p.seen[key].looked
	if first {
		p.seen[key] = sighting{uid: p.obj.GetUID(), looked: true}
	}
	return first
}

// due is how long until the object's next resync.
func (p *pass[T, R]) due() time.Duration {
	if t, ok := p.ext.(SlotSharer); ok {
		return untilSlot(t.ResyncSlot(), p.resync(), p.Now())
	}
	return jitter(p.resync())
}

// firstDue is how long until the first resync after a start, which is not the same for all.
func (p *pass[T, R]) firstDue() time.Duration {
	if t, ok := p.ext.(SlotSharer); ok {
		return untilSlot(t.ResyncSlot(), p.resync(), p.Now())
	}
	return spread(string(p.obj.GetUID()), p.resync())
}

// resync is the object's own interval, else its server's.
func (p *pass[T, R]) resync() time.Duration {
	return ResyncInterval(p.obj, p.conn)
}

// spread is a part of an interval that hangs on the text alone.
func spread(text string, interval time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(text))
	return time.Duration(float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32) * float64(interval))
}

// lastSlot is the last moment at which all that share the text were due, which is once an interval.
func lastSlot(text string, interval time.Duration, now time.Time) time.Time {
	return now.Add(-time.Duration((now.UnixNano() - int64(spread(text, interval))) % int64(interval)))
}

// untilSlot is how long until the next such moment.
func untilSlot(text string, interval time.Duration, now time.Time) time.Duration {
	return lastSlot(text, interval, now).Add(interval).Sub(now)
}

// jitter spreads visits that began together: the result is up to a tenth shorter or longer.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}
