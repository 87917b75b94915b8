import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** How wide an element is, for what cannot be said in CSS. */
export function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const element = ref.current;
  useLayoutEffect(() => {
    const target = ref.current;
    if (target === null) return;
    const observer = new ResizeObserver(() => setWidth(target.clientWidth));
    observer.observe(target);
    setWidth(target.clientWidth);
    return () => observer.disconnect();
    // The element comes with the first tick, after the first drawing.
  }, [element]);
  return { ref, width };
}
